#!/bin/sh
# Builds the Debian package of this version into build/, from what is in Git: deb.sh VERSION.
set -eu
cd "$(dirname "$0")/.."
version=$1
tree=build/deb/hs2cert-$version
rm -rf build/deb
mkdir -p "$tree"
git ls-files -z | xargs -0 cp -p --parents -t "$tree"
cp -r contrib/debian "$tree"
sed -i "s/@VERSION@/$version/" "$tree/debian/changelog"
cd "$tree"
unset MAKEFLAGS MAKELEVEL MFLAGS
if ! DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -b -us -uc >../log 2>&1; then
	tail -n 60 ../log
	exit 1
fi
cd ../../..
mv build/deb/*.deb build/
ls build/hs2cert_"$version"_*.deb
