// What a Connection document may say.
#include "plan/manifest_table.h"

namespace systole::manifest_table {
namespace {


const object_descriptor& secret_reference() {
  static const object_descriptor made{
      "secretRef", "A file of the worker's secret directory (--secrets DIR): DIR/name/key.",
      {
          {"name", text(), "The secret's folder.", true},
          {"key", text(), "The file in it; its last line end is not part of the value.", true},
      }};
  return made;
}

const object_descriptor& secret() {
  static const object_descriptor made{
      "a secret", "A value that is never in a manifest and never printed.",
      {{"secretRef", object(secret_reference()), "Where the worker finds it.", true}}};
  return made;
}

value_shape text_or_secret() { return either({text(), object(secret())}); }

const object_descriptor& kafka_security() {
  static const object_descriptor made{
      "security", "How the brokers are reached and how this client tells who it is.",
      {
          {"protocol", choice({"plaintext", "ssl", "saslPlaintext", "saslSsl"}), "Encryption and authentication.", false,
           "plaintext"},
          {"mechanism", choice({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}), "sasl*: how the password is shown."},
          {"username", text_or_secret(), "sasl*: the user."},
          {"password", object(secret()), "sasl*: the password."},
          {"caFile", text(), "The authorities that sign the brokers' certificates (PEM); else the system's."},
          {"ca", object(secret()), "The same as a secret."},
          {"certificate", object(secret()), "This client's certificate (PEM)."},
          {"key", object(secret()), "Its key (PEM)."},
          {"keyPassword", object(secret()), "The key's password."},
      }};
  return made;
}

const object_descriptor& kafka_connection() {
  static const object_descriptor made{
      "kafka", "A Kafka cluster.",
      {
          {"bootstrapServers", either({text(), list_of(text())}), "host:port of some brokers: a list, or joined by commas.", true},
          {"security", object(kafka_security()), "Encryption and authentication; none without it."},
          {"client", map_of(value_kind::text, text(), true),
           "Properties of librdkafka that tune the connection, of a list of allowed ones."},
      }};
  return made;
}

const object_descriptor& postgresql_connection() {
  static const object_descriptor made{
      "postgresql", "A PostgreSQL server.",
      {
          {"host", text(), "Host name, address, or folder of its socket.", true},
          {"port", integer(1, 65535), "Its port.", false, "5432"},
          {"database", text(), "The database.", true},
          {"username", text_or_secret(), "The role; else the name of the user that the worker runs as."},
          {"password", object(secret()), "The role's password; none where the server asks for none."},
          {"sslMode", choice({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}),
           "Encryption, and what is checked; see PostgreSQL's manual.", false, "prefer"},
          {"caFile", text(), "The authorities that sign the server's certificate (PEM)."},
          {"certificateFile", text(), "This client's certificate (PEM)."},
          {"keyFile", text(), "Its key (PEM)."},
          {"connectTimeout", duration(), "A server that does not answer for so long cannot be reached.", false, "10s"},
      }};
  return made;
}

const object_descriptor& connection_specification() {
  static const object_descriptor made{
      "spec", "How to reach a system.",
      {
          {"kafka", object(kafka_connection()), "A Kafka cluster.", false, {}, alternative},
          {"postgresql", object(postgresql_connection()), "A PostgreSQL server.", false, {}, alternative},
          {"http", anything(), "An HTTP server.", false, {}, alternative, false},
          {"s3", anything(), "An S3 service.", false, {}, alternative, false},
      },
      "system"};
  return made;
}

const object_descriptor& connection_metadata() {
  static const object_descriptor made{
      "metadata", "Names the document.",
      {
          {"name", name(), "What sources and sinks call the connection.", true},
          {"labels", map_of(value_kind::text, text(), true), "Free labels."},
          {"description", text(), "What it reaches."},
      }};
  return made;
}

}  // namespace

const object_descriptor& connection_document() {
  static const object_descriptor made{
      "a Connection", "A system that sources and sinks name.",
      {
          {"apiVersion", choice({"systole/v1"}), "The manifest's version.", true},
          {"kind", choice({"Connection"}), "What this document is.", true},
          {"metadata", object(connection_metadata()), "Names the connection.", true},
          {"spec", object(connection_specification()), "How to reach it.", true},
      }};
  return made;
}

}  // namespace systole::manifest_table
