# shellcheck shell=bash
# The certificates of `up --tls` and `up --mtls`, made with openssl and valid for ten years:
#   server-ca.pem   signs frontend.pem (shown to clients) and internode.pem (between the services)
#   client-ca.pem   signs client.pem, expired.pem (of last year, for tests); the frontend accepts its clients with --mtls
#   stranger.pem    a client of an authority the cluster does not know, for tests
# A key that reads one file and not another is never shared: each certificate has its own.

CERTIFICATES=(frontend internode client expired stranger)

tls_ready() {
  local name
  for name in "${CERTIFICATES[@]}"; do
    [[ -s $TLS_DIR/$name.pem && -s $TLS_DIR/$name.key ]] || return 1
    if [[ $name != expired ]]; then openssl x509 -in "$TLS_DIR/$name.pem" -noout -checkend 86400 >/dev/null || return 1; fi
  done
}

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# authority NAME
authority() {
  new_key "$1.key"
  openssl req -x509 -new -key "$1.key" -out "$1.pem" -days 3650 -subj "/O=Plimsoll/CN=Plimsoll $1" \
    -addext 'basicConstraints=critical,CA:true' -addext 'keyUsage=critical,keyCertSign,cRLSign'
}

# certificate NAME AUTHORITY USAGE SUBJECT_ALTERNATIVE_NAMES [FIRST_SECOND LAST_SECOND]
# `openssl ca` alone takes both ends of the validity in every release, which the expired one needs.
certificate() {
  local from=${5:-} to=${6:-}
  new_key "$1.key"
  openssl req -new -key "$1.key" -out "$1.csr" -subj "/O=Plimsoll/CN=$1"
  mkdir -p "$1.work"
  : >"$1.work/index"
  cat >"$1.work/config" <<TEXT
[ca]
default_ca = plimsoll
[plimsoll]
database = $1.work/index
new_certs_dir = $1.work
rand_serial = yes
default_md = sha256
default_days = 3650
policy = policy
x509_extensions = extensions
[policy]
organizationName = supplied
commonName = supplied
[extensions]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = $3
subjectAltName = $4
authorityKeyIdentifier = keyid
TEXT
  openssl ca -batch -notext -config "$1.work/config" -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
    ${from:+-startdate "$from" -enddate "$to"}
  rm -rf "$1.work" "$1.csr"
}

make_certificates() {
  authority server-ca
  authority client-ca
  authority stranger-ca
  # A service presents its certificate to the others as a client too.
  certificate internode server-ca serverAuth,clientAuth DNS:internode.plimsoll.internal
  certificate frontend server-ca serverAuth DNS:localhost,IP:127.0.0.1
  certificate client client-ca clientAuth DNS:client.plimsoll.internal
  certificate expired client-ca clientAuth DNS:client.plimsoll.internal 20240101000000Z 20240201000000Z
  certificate stranger stranger-ca clientAuth DNS:client.plimsoll.internal
}

create_tls() {
  [[ $TLS != none ]] || return 0
  command -v openssl >/dev/null || die "openssl is missing: it makes the certificates (Debian package openssl)"
  if tls_ready; then return 0; fi
  say "making certificates in $TLS_DIR"
  rm -rf "$TLS_DIR" "$TLS_DIR.new"
  (umask 077 && mkdir "$TLS_DIR.new" && cd "$TLS_DIR.new" && set -e && make_certificates) >"$STATE/log/tls.log" 2>&1 </dev/null \
    || { tail -n 5 "$STATE/log/tls.log" >&2; die "openssl failed: see $STATE/log/tls.log"; }
  mv "$TLS_DIR.new" "$TLS_DIR"
}
