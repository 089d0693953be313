#!/bin/sh
# Runs the scripted agent, and writes down which attempt starts and which other attempts of its job live at that moment.
# Words of the prompt besides the agent's own: "at-first" holds only for attempt 1; "family" and "bomb" start more
# processes; "gate" waits until the test has made a file.
here=$(dirname "$0")
mine="JOBD_ATTEMPT=$JOBD_ATTEMPT"
others=$(grep -hzas "^JOBD_ATTEMPT=${JOBD_ATTEMPT%:*}:" /proc/[0-9]*/environ | tr '\0' '\n' | grep -vxF "$mine" | sort -u | tr '\n' ' ')
echo "$JOBD_ATTEMPT $others" >>"$here/starts"
case "$JOBD_ATTEMPT $*" in
*:1\ *) ;;
*at-first*) export FAKE_CLAUDE=env ;;
esac
case "$*" in *family*)
  sleep 976 >/dev/null 2>&1 &
  setsid sh -c 'trap "" TERM; sleep 977; sleep 977' >/dev/null 2>&1 &
  ;;
esac
case "$*" in *bomb*)
  bomb='if [ "$1" -gt 0 ]; then for i in 1 2; do setsid sh -c "$0" "$0" $(($1 - 1)) & done; fi; sleep 975'
  sh -c "$bomb" "$bomb" 6 >/dev/null 2>&1 &
  ;;
esac
case "$*" in *gate*)
  while [ ! -e "$here/gate-$JOBD_ATTEMPT" ]; do sleep 0.1; done
  ;;
esac
exec "$FAKE" "$@"
