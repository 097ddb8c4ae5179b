# Completion for bash. What may stand where is known by `taskmasterctl complete` alone.

_taskmaster() {
    local program=taskmasterctl paths
    # Another one is asked itself: it may be of another version.
    case $1 in
        */taskmasterctl | */taskmasterd) program=${1%/*}/taskmasterctl ;;
    esac
    program=${program/#\~\//~/}
    mapfile -t COMPREPLY < <("$program" complete --bash="$2" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    paths=${COMPREPLY[0]%%$'\t'*}
    COMPREPLY=("${COMPREPLY[@]:1}")
    # These count if there is nothing else.
    case $paths in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
    esac
}

complete -F _taskmaster taskmasterctl taskmasterd
