#!/bin/sh
# web, worker, scheduler: one process; prepare: bring the database up to date once; anything else is run as it is.
set -eu
case "${1:-web}" in
    web | worker | scheduler | health)
        exec python -m studio "${1:-web}"
        ;;
    prepare)
        python manage.py migrate --noinput
        exec python manage.py prepare
        ;;
    *)
        exec "$@"
        ;;
esac
