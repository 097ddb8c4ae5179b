# Completion for fish. What may stand where is known by `taskmasterctl complete` alone.

function __taskmaster_complete
    set -l words (commandline -opc)
    # A quote may still be open.
    set -l raw (commandline -ct)
    set -l word (string unescape -- "$raw"; or string unescape -- "$raw'"; or string unescape -- "$raw\"")
    set -l program taskmasterctl
    # Another one is asked itself: it may be of another version.
    if string match -qr '/taskmaster(ctl|d)$' -- $words[1]
        set program (string replace -r '[^/]*$' taskmasterctl -- (string replace -r '^~/' "$HOME/" -- $words[1]))
    end
    set -l lines ($program complete -- $words "$word" 2>/dev/null)
    printf '%s\n' $lines[2..]
    # The first line tells whether it may be a path, and what stands before it in the word.
    string match -qr '^(?<paths>[^\t]*)\t(?<prefix>.*)$' -- $lines[1]
    set -l pattern .
    switch "$paths"
        case files
        case directories
            set pattern '/$'
        case '*'
            return
    end
    set -l path (string replace -- "$prefix" '' "$raw")
    for path in (complete -C "'' $path" | string match -r ".*$pattern")
        printf '%s\n' "$prefix$path"
    end
end

complete -c taskmasterctl -f -a '(__taskmaster_complete)'
complete -c taskmasterd -f -a '(__taskmaster_complete)'
