# bash completion for procscope. The options come from the program's own help, so they can't fall behind.
_procscope_options() {
    procscope "$@" --help 2>/dev/null | grep -oE '^ {2,6}(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'
}

_procscope() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb= i position=0
    local -a url=()
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -u | --url)
            # bash takes http://host:port apart at the colons: put it together again
            i=$((i + 1))
            local value=${COMP_WORDS[i]}
            while ((i + 2 < COMP_CWORD)) && [[ ${COMP_WORDS[i + 1]} == : ]]; do
                value+=:${COMP_WORDS[i + 2]}
                i=$((i + 2))
            done
            [[ -n $value ]] && url=(--url "$value")
            ;;
        -o | --output | --compare | -t | --type | --format | --inner | --modules | --compress | --level | --max-bytes | --mode | --max-pause | -s | --signal | -g | --grace | --color | --ca-file | --instance | --token-file | --role | --name | --expires | --file | --main-pid | --main-name)
            i=$((i + 1))
            ;;
        -*) ;;
        *) if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else position=$((position + 1)); fi ;;
        esac
    done
    case $before in
    -o | --output | --ca-file | --token-file | --file | --config | --core | --compare)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word"); return ;;
    -t | --type) mapfile -t COMPREPLY < <(compgen -W 'mini full' -- "$word"); return ;;
    --modules) mapfile -t COMPREPLY < <(compgen -W 'debugger all none' -- "$word"); return ;;
    --compress) mapfile -t COMPREPLY < <(compgen -W 'gzip zstd' -- "$word"); return ;;
    --mode) mapfile -t COMPREPLY < <(compgen -W 'auto snapshot stop' -- "$word"); return ;;
    --inner) mapfile -t COMPREPLY < <(compgen -W 'raw core' -- "$word"); return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'raw core zip' -- "$word"); return ;;
    --role) mapfile -t COMPREPLY < <(compgen -W 'reader operator dumper admin' -- "$word"); return ;;
    -s | --signal) mapfile -t COMPREPLY < <(compgen -W 'TERM KILL INT HUP QUIT USR1 USR2 STOP CONT' -- "$word"); return ;;
    -u | --url) mapfile -t COMPREPLY < <(compgen -W 'http:// https:// unix:' -- "$word"); compopt -o nospace; return ;;
    -g | --grace | --max-bytes | --max-pause | --main-pid | --main-name) return ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_procscope_options ${verb:+"$verb"})" -- "$word")
    elif [[ -z $verb || $verb == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'ps show threads stack profile modules memory handles env kill dump gcdump heap heapdump doctor instances token serve help version' -- "$word")
    elif [[ $verb == token ]] && ((position == 0)); then
        mapfile -t COMPREPLY < <(compgen -W 'new list revoke' -- "$word")
    elif [[ $verb =~ ^(show|threads|stack|profile|modules|memory|env|kill|dump|gcdump|heap|heapdump|doctor)$ ]] && ((position == 0)); then
        # ids, and names that are one plain word: others would need quotes
        mapfile -t COMPREPLY < <(compgen -W "main self $(procscope "${url[@]}" ps --all --no-header 2>/dev/null |
            awk '$3 ~ /^[A-Za-z0-9._+-]+$/ && NF == 3 {print $1; if (!seen[$3]++) print $3}')" -- "$word")
    fi
}

complete -F _procscope procscope
