# Completion of taskmasterctl and taskmasterd for fish. What may follow is known to taskmasterctl.

function __taskmaster_complete
    set -l typed (commandline -ct)
    # A quote may still be open.
    set -l word (string unescape -- "$typed"; or string unescape -- "$typed'"; or string unescape -- "$typed\"")
    set -l lines (command taskmasterctl complete -- (commandline -opc) "$word" 2>/dev/null)
    printf '%s\n' $lines[2..]
    # What of the word comes before a path: `--file=`, or nothing.
    set -l first (string split \t -- "$lines[1]")
    set -l path (string sub -s (math (string length -- "$first[2]") + 1) -- "$word")
    switch "$first[1]"
        case files
            string replace -r '^' -- "$first[2]" (__fish_complete_path "$path")
        case directories
            string replace -r '^' -- "$first[2]" (__fish_complete_directories "$path")
    end
end

complete -c taskmasterctl -f -a '(__taskmaster_complete)'
complete -c taskmasterd -f -a '(__taskmaster_complete)'
