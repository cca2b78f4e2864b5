#!/bin/sh
# Builds the image of deploy/Containerfile where no container engine can run, and serves from it once.
#
#     sudo deploy/try_container.sh
#
# It needs buildah, debootstrap, curl and a network, and takes minutes. The base is a fresh Debian 13 with its own
# Python instead of the image that the Containerfile names, since that comes from a registry of containers. The
# build, the user, the key, the service and the health check are those of the Containerfile.
set -eu
house=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
port=8123
image="buildah --root $work/storage --runroot $work/run --storage-driver vfs"
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
server=

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates trixie "$work/base" >"$work/log"
ln -s python3 "$work/base/usr/bin/python"
cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/" # where a proxy has a certificate of its own
base=$($image from scratch)
cp -a "$work/base/." "$($image mount "$base")/"
$image umount "$base" >/dev/null
$image commit --quiet "$base" localhost/python

cd "$house"
$image bud --quiet --isolation chroot --build-arg BASE=localhost/python -f deploy/Containerfile -t lentigo .
run="$image run --isolation chroot --user lentigo $($image from localhost/lentigo) --"
test "$($run id -un)" = lentigo
! $run touch /opt/lentigo/x 2>/dev/null # the program is not its user's to change
key=$($run lentigo keys add clinic --scopes read,predict)
$run lentigo data synth --out /data/drawn --count 1
$run sh -c 'cat /data/drawn/malignant/*.jpg' >"$work/lesion.jpg"
$run lentigo serve --host 0.0.0.0 --port $port 2>"$work/served" &
server=$!
address=http://127.0.0.1:$port
until curl --noproxy '*' -sf $address/readyz; do kill -0 $server; sleep 1; done
curl --noproxy '*' -sf -H "Authorization: Bearer $key" -F "photos=@$work/lesion.jpg" $address/v1/predictions
refused=$(curl --noproxy '*' -s -o /dev/null -w '%{http_code}' -F "photos=@$work/lesion.jpg" $address/v1/predictions)
test "$refused" = 401
echo
echo "the image builds, serves, and refuses who has no key"
