#compdef taskmasterctl taskmasterd
# Completion of taskmasterctl and taskmasterd for zsh. What may follow is known to taskmasterctl.

_taskmaster() {
    local -a lines found
    local line text about tab=$'\t'
    lines=("${(@f)$(command taskmasterctl complete -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in "${(@)lines[2,-1]}"; do
        text=${line%%$tab*} about=${line#*$tab}
        found+=("${text//:/\\:}${about:+:$about}")
    done
    local ret=1
    (( $#found )) && _describe -t values value found && ret=0
    # Only what stands behind `--option=` is a path.
    [[ -n ${lines[1]#*$tab} ]] && compset -P '*='
    case ${lines[1]%%$tab*} in
        files) _files && ret=0 ;;
        directories) _files -/ && ret=0 ;;
    esac
    return ret
}

_taskmaster "$@"
