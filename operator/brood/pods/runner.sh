# What runs first in a Pod of a task with a script: /bin/sh -c THIS brood TERMINATION_LOG CAPTURE
#
# CAPTURE is not empty where stdout is an output. The image needs /bin/sh, cat, mkfifo, tee and tail; sed, sleep and wc
# are used where they are there. Any POSIX shell will do: tried under dash, busybox ash and bash. pods/shell.py strips
# comments and indentation, because this text is stored in every Pod; take.sh and keep.sh go before it where a task has
# artifacts.  Names begin with BROOD_, because every other name may be a param, an output or a variable of the user's,
# and would reach the script changed. Those with two underscores come from the Pod's environment and are gone before the
# script starts.

# The verbs of $BROOD__SETUP, which pods/inputs.py writes. Where there is no room for them the script does not start: half
# a value, or half a script, is another one.
brood_env() { for BROOD_i; do eval "printf %s \"\$$BROOD_i\"" >"$BROOD_c/$BROOD_i" || exit 1; done; }
brood_text() { printf %s "$2" >"$BROOD_c/$1" || exit 1; }
brood_file() { cat "$2" >"$BROOD_c/$1" || exit 1; }
# A value of unknown size: a variable too, if it is small enough.
brood_ref() {
	brood_file "$@"
	if [ "$(
		LC_ALL=C
		BROOD_x=$(cat "$2" && echo .)
		echo ${#BROOD_x}
	)" -le 32769 ]; then
		BROOD_x=$(cat "$2" && echo .)
		export "$1=${BROOD_x%.}"
	fi
}

# A reader ends with its input, never by a signal to the whole group.
brood_reader() {
	trap '' TERM
	exec "$@"
}

# Pass a stop on: always as TERM, because what a shell starts with & ignores INT. A child that has just been forked loses
# it; one that has opened its first file does not.
brood_stop() {
	BROOD_u=0
	while [ $BROOD_p ] && [ $BROOD_u -lt 99999 ]; do
		if [ -e "$BROOD_c/.5" ]; then
			kill -TERM $BROOD_p 2>/dev/null
			return
		fi
		BROOD_u=$((BROOD_u + 1))
	done
}

# Whether processes have ended, waited for or not: a zombie has no memory. Without /proc they are taken for alive.
brood_gone() {
	for BROOD_i; do
		if [ -e "/proc/$BROOD_i" ]; then
			read -r BROOD_x <"/proc/$BROOD_i/statm" && [ "${BROOD_x%% *}" = 0 ] || return 1
		else
			[ -e "/proc/$$" ] || return 1
		fi
	done
}

# Everything goes to one stream, so that nothing comes between the lines of a result at the end of the log.
exec 2>&1
BROOD_c=$BROOD_INPUTS BROOD_t=$1 BROOD_o=$2 BROOD_n=$BROOD__NONCE BROOD_f=$BROOD__FINISH
BROOD_p= BROOD_s= BROOD_r=- BROOD_e= BROOD_z=1
trap 'BROOD_s=1; brood_stop' TERM INT
cd "$BROOD_c"
printf '%s\n' "$BROOD__SCRIPT" >.script || exit 1
for BROOD_i in .stdout .output .stderr .files; do : >$BROOD_i; done
set --
eval "$BROOD__SETUP"
unset BROOD__SCRIPT BROOD__NONCE BROOD__SETUP BROOD__FINISH

[ $BROOD_s ] && BROOD_r=143
if [ "$BROOD_r$BROOD_e" = - ]; then
	# stdout goes to the log and to a file, or where it is no output only its lines ::set-output; of stderr the end is
	# kept.
	mkfifo .1 .2 .3 .4
	BROOD_l=
	if [ "$BROOD_o" ]; then
		BROOD_x=.stdout
	else
		BROOD_x=.3
		if command -v sed >/dev/null; then
			brood_reader sed -n '/^::set-output name=/p'
		else
			trap '' TERM
			while IFS= read -r BROOD_i || [ "$BROOD_i" ]; do
				case $BROOD_i in ::set-output\ name=*) printf '%s\n' "$BROOD_i" ;; esac
			done
		fi <.3 >.stdout &
		BROOD_l=$!
	fi
	brood_reader tail -c 1024 <.4 >.stderr &
	BROOD_l="$BROOD_l $!"
	brood_reader tee $BROOD_x <.1 &
	BROOD_w=$!
	brood_reader tee .4 <.2 &
	BROOD_w="$BROOD_w $!"

	cd "$BROOD_WORKDIR"
	/bin/sh -e "$BROOD_c/.script" "$@" 3>"$BROOD_c/.5" 3>&- </dev/null >"$BROOD_c/.1" 2>"$BROOD_c/.2" &
	BROOD_p=$!
	[ $BROOD_s ] && brood_stop

	# A trap ends a wait: wait again. A shell that has given the code away answers 127, which counts only while the script
	# was there to be waited for.
	while
		BROOD_s=
		wait $BROOD_p
		BROOD_i=$?
		if [ $BROOD_i != 127 ] || [ $BROOD_z ]; then BROOD_r=$BROOD_i; fi
		[ $BROOD_s ]
	do
		kill -0 $BROOD_p || BROOD_z=
	done 2>/dev/null
	trap '' TERM INT
	cd "$BROOD_c"

	# The readers end with the last writer. Where a background child keeps one waiting, or a script that was stopped too early
	# to write left one without a writer, it gets one second.
	{
		BROOD_s=
		for BROOD_x in 1 2 3 4 5 6 7 8 9; do brood_gone $BROOD_w && break; done
		if ! brood_gone $BROOD_w; then
			{
				sleep 1 || (ulimit -t 1 && while :; do :; done)
				kill -KILL $BROOD_w
			} &
			BROOD_s=$!
		fi
		for BROOD_i in $BROOD_w; do
			wait $BROOD_i
			# tee could not write (its words are in the log): what there is of an output is not the output.
			[ "$?$BROOD_o$BROOD_r" = "1${BROOD_o:-.}0" ] && BROOD_r=1
		done
		kill -KILL $BROOD_s
		: 3<>.3 4<>.4
		wait $BROOD_l
	} 2>/dev/null
fi

# The result: one line of numbers, and what they count either after it or, where that is too much for a termination
# message, at the end of the log.
[ $BROOD_r = 0 ] && : >.stderr
LC_ALL=C
eval "$BROOD_f"
cd "$BROOD_c"
BROOD_x=
for BROOD_i in .stdout .output .stderr .files; do
	[ -e $BROOD_i ] || : >$BROOD_i
	[ -s $BROOD_i ] && BROOD_x=1
done
set -- 0 0 x 0 0 x 0 0 x 0 0
if [ $BROOD_x ]; then
	command -v wc >/dev/null || wc() {
		shift
		for BROOD_i; do
			BROOD_l=0
			while read -r BROOD_x; do BROOD_l=$((BROOD_l + 1)); done <$BROOD_i
			BROOD_x=$(cat $BROOD_i && echo .)
			echo $BROOD_l $((${#BROOD_x} - 1)) x
		done
	} 2>/dev/null
	set -- $(wc -lc .stdout .output .stderr .files)
fi
BROOD_x="brood1 $BROOD_n $BROOD_r ${BROOD_o:-n} $2 $5 $8 ${11}"
BROOD_l=
for BROOD_i in "$2 .stdout" "$5 .output" "$8 .stderr" "${11} .files"; do
	[ ${BROOD_i% *} != 0 ] && [ ${BROOD_i% *} -le 1048576 ] && BROOD_l="$BROOD_l ${BROOD_i#* }"
done
if [ $(($2 + $5 + $8 + ${11} + ${#BROOD_x} + 9)) -le 2048 ]; then
	echo "$BROOD_x 0" >"$BROOD_t" || BROOD_e=1
	[ "$BROOD_l" ] && cat $BROOD_l >>"$BROOD_t"
else
	echo "$BROOD_x $(($1 + $4 + $7 + ${10} + 3))" >"$BROOD_t" || BROOD_e=1
	printf '\n%s\n' "$BROOD_n"
	[ "$BROOD_l" ] && cat $BROOD_l
	printf '\n%s\n' "$BROOD_n."
	# Some time after the exit containerd drops what is still in its pipes: give it a start. A file loses nothing.
	[ -f /dev/stdout ] || { sleep 0.5 || sleep 1; } 2>/dev/null
fi
[ $BROOD_r = 0 ] && exit $BROOD_e
[ $BROOD_r = - ] && exit 1
exit $BROOD_r
