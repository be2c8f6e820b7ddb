#!/usr/bin/env bash
# Opens a page in headless Chromium: fails on console messages and on sideways scrolling; leaves screenshots.
#   .ci/browser.sh PAGE FOLDER
set -euo pipefail
page="$(realpath "$1")"
folder="$(realpath "$2")"

browser=""
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && browser="$name" && break
done
if [[ -z "$browser" ]]; then
  export DEBIAN_FRONTEND=noninteractive
  root=""
  ((EUID == 0)) || root=sudo
  $root apt-get update -qq
  $root apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  browser=chromium
fi

profile="$(mktemp -d)"
trap 'rm -rf "$profile"' EXIT
headless() {
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
    --user-data-dir="$profile" --virtual-time-budget=5000 "$@"
}

# The page as it is, its content security policy in force.
headless --enable-logging=stderr --dump-dom "file://$page" >"$folder/dom.html" 2>"$folder/browser.log"
if grep 'CONSOLE' "$folder/browser.log"; then
  echo "$page writes to the console"
  exit 1
fi
grep -q '</svg>' "$folder/dom.html" || { echo "$page has no chart"; exit 1; }

# In a frame of a phone's and of a desk's width, a copy that tells its own width. A window cannot be as narrow.
copy="$folder/measured.html"
sed -E 's/<meta[^>]*Content-Security-Policy[^>]*>//I' "$page" >"$copy"
cat >>"$copy" <<'SCRIPT'
<script>
addEventListener("load", () => {
  const wide = document.documentElement.scrollWidth;
  const widest = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
  parent.postMessage(`${wide} of ${innerWidth} ${widest.slice(0, 3).map((e) => e.tagName + "." + e.getAttribute("class"))}`, "*");
});
</script>
SCRIPT
for width in 400 1400; do
  cat >"$folder/frame.html" <<FRAME
<!doctype html><title>frame</title>
<script>addEventListener("message", (m) => document.body.setAttribute("data-widths", m.data));</script>
<body><iframe src="measured.html" style="border:0;width:${width}px;height:900px"></iframe></body>
FRAME
  widths="$(headless --window-size=1600,1000 --dump-dom "file://$folder/frame.html" 2>/dev/null | grep -oE 'data-widths="[^"]*"' || true)"
  echo "at $width pixels: $widths"
  read -r needed _ given _ <<<"$(sed -E 's/^data-widths="//; s/"$//' <<<"$widths")"
  if [[ -z "${needed:-}" || "$given" != "$width" || "$needed" -gt "$given" ]]; then
    echo "$page scrolls sideways at $width pixels"
    exit 1
  fi
done

headless --window-size=1400,2400 --screenshot="$folder/light.png" "file://$page" 2>/dev/null
headless --window-size=1400,2400 --blink-settings=preferredColorScheme=0 --screenshot="$folder/dark.png" "file://$page" 2>/dev/null
test -s "$folder/light.png" && test -s "$folder/dark.png"
