# Completion of taskmasterctl and taskmasterd for bash. What may follow is known to taskmasterctl; it also cuts off what
# bash takes for another word, such as all up to a colon, and quotes the rest.

_taskmaster() {
    local -a lines
    mapfile -t lines < <(command taskmasterctl complete --bash="$2" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    case ${lines[0]-} in
        files*) compopt -o default ;;
        directories*) compopt -o dirnames ;;
    esac
}

complete -F _taskmaster taskmasterctl taskmasterd
