#!/bin/sh
# Makes the two small files that a first view loads out of the two large ones beside them: the letters,
# figures and signs of Persian and of plain Latin, in the weights 400 to 700 that the sheets use. Whatever
# else a shop writes is read from the large files, which the browser fetches only then. It needs Python's
# fonttools and brotli (Debian: python3-fonttools, python3-brotli); run it here after taking a new Vazirmatn.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
persian=U+060C,U+061B,U+061F,U+0621-063A,U+0641-064B,U+0650-0651,U+0654,U+066A-066C,U+067E,U+0686,U+0698,U+06A9,U+06AF,U+06C0,U+06CC,U+06F0-06F9,U+200C-200E
plain=U+0020-007E,U+00A0,U+00AB,U+00B1,U+00B7,U+00BB,U+00D7,U+2013,U+2014,U+2018,U+2019,U+201C,U+201D,U+2022,U+2026,U+2212
make() {
  python3 -m fontTools.varLib.instancer -q "$1" wght=400:700 --output "$work/$3"
  python3 -m fontTools.subset "$work/$3" --unicodes="$2" --flavor=woff2 --no-hinting --notdef-outline --name-IDs=0,1,2,5,13,14 \
    --layout-features=ccmp,locl,mark,mkmk,kern,liga,calt,rlig,init,medi,fina,isol,tnum,lnum --output-file="$3"
}
make vazirmatn-arabic.woff2 "$persian" vazirmatn-persian.woff2
make vazirmatn-latin.woff2 "$plain" vazirmatn-plain.woff2
