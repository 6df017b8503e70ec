#include "certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <memory>

namespace systole::testing {
namespace {

template <class T, void (*Free)(T*)>
struct freed {
  void operator()(T* what) const { Free(what); }
};
using key = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY, EVP_PKEY_free>>;
using certificate = std::unique_ptr<X509, freed<X509, X509_free>>;

void need(bool worked) {
  if (!worked) std::abort();
}

void add_extension(X509* to, X509* issuer, int which, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, which, value);
  need(made != nullptr && X509_add_ext(to, made, -1) == 1);
  X509_EXTENSION_free(made);
}

certificate unsigned_certificate(EVP_PKEY* of, const std::string& name, long serial) {
  certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 24 * 3600);
  X509_set_pubkey(made.get(), of);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

template <class Write>
void write_pem(const std::string& path, Write write) {
  BIO* file = BIO_new_file(path.c_str(), "w");
  need(file != nullptr && write(file) == 1);
  BIO_free(file);
}

}  // namespace

void make_certificates(const std::string& directory, const std::string& name) {
  const key authority_key(EVP_EC_gen("P-256"));
  const certificate authority = unsigned_certificate(authority_key.get(), name + " test authority", 1);
  X509_set_issuer_name(authority.get(), X509_get_subject_name(authority.get()));
  add_extension(authority.get(), authority.get(), NID_basic_constraints, "critical,CA:TRUE");
  need(X509_sign(authority.get(), authority_key.get(), EVP_sha256()) > 0);

  const key server_key(EVP_EC_gen("P-256"));
  const certificate server = unsigned_certificate(server_key.get(), name, 2);
  X509_set_issuer_name(server.get(), X509_get_subject_name(authority.get()));
  add_extension(server.get(), authority.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  need(X509_sign(server.get(), authority_key.get(), EVP_sha256()) > 0);

  const std::string stem = directory + "/" + name;
  write_pem(stem + "-ca.pem", [&](BIO* file) { return PEM_write_bio_X509(file, authority.get()); });
  write_pem(stem + ".pem", [&](BIO* file) { return PEM_write_bio_X509(file, server.get()); });
  write_pem(stem + ".key", [&](BIO* file) {
    return PEM_write_bio_PrivateKey(file, server_key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace systole::testing
