#compdef taskmasterctl taskmasterd
# Completion for zsh. What may stand where is known by `taskmasterctl complete` alone.

_taskmaster() {
    local -a lines candidates
    local program=taskmasterctl line text about tab=$'\t'
    # Another one is asked itself: it may be of another version.
    [[ $words[1] == */taskmaster(ctl|d) ]] && program=${words[1]%/*}/taskmasterctl
    lines=("${(@f)$(${(Q)~program} complete -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in "${(@)lines[2,-1]}"; do
        text=${line%%$tab*} about=${line#*$tab}
        candidates+=("${${text//\\/\\\\}//:/\\:}${about:+:$about}")
    done
    local result=1
    (( $#candidates )) && _describe -t values value candidates && result=0
    # The first line tells whether it may be a path, and what stands before it in the word.
    [[ -n ${lines[1]#*$tab} ]] && compset -P 1 '*='
    case ${lines[1]%%$tab*} in
        files) _files && result=0 ;;
        directories) _files -/ && result=0 ;;
    esac
    return result
}

_taskmaster "$@"
