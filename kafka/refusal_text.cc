#include "kafka/refusal_text.h"

#include <openssl/x509_vfy.h>

namespace systole {

std::string kafka_user_refused(const std::string& detail) {
  return "the brokers do not let its user in; correct `username`, `password` and `mechanism` of its security, or the cluster's "
         "users (" + detail + ")";
}

std::string kafka_certificate_refused(const std::string& broker, int x509_error) {
  std::string text = "the certificate of " + broker;
  switch (x509_error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      text += " is one of another host; reach the broker by a name that its certificate has (bootstrapServers, and "
              "advertised.listeners of the broker), or have one made for this name";
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      text += " is not valid now; renew it, and look at this machine's clock";
      break;
    default:
      text += " is not signed by an authority that the connection trusts; give the authority's certificate as `caFile` or "
              "`ca` of its security";
  }
  return text + " (" + X509_verify_cert_error_string(x509_error) + ")";
}

std::string kafka_encryption_refused(const std::string& detail) {
  return "no encrypted connection comes about; see `protocol` of its security, and `certificate` and `key` where the brokers "
         "ask for them (" + detail + ")";
}

}  // namespace systole
