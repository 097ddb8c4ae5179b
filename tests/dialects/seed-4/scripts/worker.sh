#!/bin/bash
trap 'kill $!; echo "stopped by INT"; exit 2' INT
echo "worker $WORKER_ID for $ENVIRONMENT in $PWD"
echo "a complaint" >&2
sleep 1000 &
wait
