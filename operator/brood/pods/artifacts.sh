# Goes before runner.sh where a task takes or keeps files. Needs cp, mkdir, rm and wc of the image. What symbolic links
# point to is copied, not the links.

# What is missing (!) or could not be copied (#) is listed in .files and fails the task; no path holds //, so every name
# can be told.
brood_lost() {
	printf '%s//\n' "$1" >>"$BROOD_c/.files"
	BROOD_e=1
}

# A verb of $BROOD__SETUP: brood_take DESTINATION SOURCE NAME... copies entries of one directory, "." being all of it.
brood_take() {
	BROOD_d=$1 BROOD_x=$2
	shift 2
	[ "$1" != . ] || [ -d "$BROOD_x" ] || return 0
	for BROOD_i; do
		[ -e "$BROOD_x/$BROOD_i" ] || brood_lost "!$BROOD_i"
	done
	[ $BROOD_e ] || { mkdir -p "$BROOD_d" && cd "$BROOD_x" && cp -R -L -- "$@" "$BROOD_d"; } || brood_lost "#$1"
	cd "$BROOD_c"
}

# All of $BROOD__FINISH: brood_keep WHEN PATTERN... copies what the patterns match to $BROOD_ARTIFACTS and lists it in
# .files: ">PATTERN//", then for each file "SIZE ./PATH" or, where a path is more than letters, digits and ._/-, "=SIZE
# ./PATH//".
brood_keep() {
	BROOD_q=$1
	case $1$BROOD_r in
	*- | OnFailure0) return ;;
	OnSuccess[1-9]*)
		brood_clear
		return
		;;
	esac
	shift
	cd "$BROOD_WORKDIR" || {
		brood_lost "#$1"
		return
	}
	IFS=
	for BROOD_d; do
		printf '>%s//\n' "$BROOD_d" >>"$BROOD_c/.files"
		BROOD_m=
		case $BROOD_d in
		*/*) for BROOD_k in ./${BROOD_d%/*}; do brood_match "$BROOD_k" "${BROOD_d##*/}"; done ;;
		*) brood_match . "$BROOD_d" ;;
		esac
		[ $BROOD_m ] || brood_lost "!$BROOD_d"
		[ $BROOD_e$BROOD_q = 1OnSuccess ] && break
	done
	unset IFS
	[ $BROOD_e$BROOD_q != 1OnSuccess ] || brood_clear
}

# A failed task that keeps its files OnSuccess leaves nothing, neither what was copied already nor what it put there itself.
brood_clear() {
	rm -rf -- "$BROOD_ARTIFACTS"/* "$BROOD_ARTIFACTS"/.[!.]* "$BROOD_ARTIFACTS"/..?*
}

# Keep what a pattern without a slash matches in one directory.
brood_match() {
	BROOD_x=$BROOD_ARTIFACTS/$1
	set -- "$1"/$2
	[ -e "$1" ] || [ -L "$1" ] || return 0
	BROOD_m=1
	[ -d "$BROOD_x" ] || mkdir -p "$BROOD_x"
	if cp -R -L -- "$@" "$BROOD_x"; then
		(cd "$BROOD_ARTIFACTS" && brood_list "$@") >>"$BROOD_c/.files"
	else
		brood_lost "#$BROOD_d"
	fi
}

# Print size and path of all regular files; wc is asked for many at once where their names cannot be mistaken.
brood_list() {
	BROOD_j=
	for BROOD_y in "$@" ''; do
		[ $BROOD_j ] || set --
		BROOD_j=1
		if [ -d "$BROOD_y" ]; then
			brood_list "$BROOD_y"/* "$BROOD_y"/.[!.]* "$BROOD_y"/..?*
		elif [ -f "$BROOD_y" ]; then
			case $BROOD_y in
			*[!A-Za-z0-9._/-]*) printf '=%d %s//\n' $(wc -c <"$BROOD_y") "$BROOD_y" ;;
			*) set -- "$@" "$BROOD_y" ;;
			esac
		fi
		if [ $# -ge 64 ] || [ ! "$BROOD_y" ] && [ $# -gt 0 ]; then
			wc -c "$@"
			set --
		fi
	done
}
