# verify ID TIMESTAMP SIGNATURES, the three headers; the body comes on stdin
verify() {
  local key sig
  [ $(($(date +%s) - $2)) -le 300 ] && [ $(($2 - $(date +%s))) -le 300 ] || return 1
  key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
  sig=$({ printf '%s.%s.' "$1" "$2" && cat; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
  case " $3 " in *" v1,$sig "*) ;; *) return 1 ;; esac
}

verify "$1" "$2" "$3" && echo genuine
