#include "plan/plan_connection.h"

#include <algorithm>
#include <charconv>

#include "plan/diagnostic_codes.h"
#include "plan/manifest_table.h"
#include "proto/client_properties.h"

namespace systole {
namespace {

/// A text, or the reference to a secret, under the library's name for it.
void set_value(const object_view& from, std::string_view key, const char* property, proto::Connection& into) {
  const yaml_node* value = from.get(key);
  if (!value) return;
  if (!value->is_map()) {
    (*into.mutable_settings())[property] = value->text;
    return;
  }
  const yaml_node* reference = value->find("secretRef");
  proto::SecretValue& secret = (*into.mutable_secrets())[property];
  secret.set_name(reference->find("name")->text);
  secret.set_key(reference->find("key")->text);
}

bool needs(plan_context& context, const object_view& object, std::string_view key, bool needed, const std::string& why) {
  if (object.has(key) == needed) return true;
  if (needed)
    context.problems.error(codes::missing_key, object.at(), why + " needs `" + std::string(key) + "`");
  else
    context.problems.error(codes::excluded_key, object.at(key), "`" + std::string(key) + "` has no meaning with " + why);
  return false;
}

bool read_kafka_security(plan_context& context, const object_view& security, proto::Connection& into) {
  auto& settings = *into.mutable_settings();
  const std::string protocol = security.text("protocol");
  const bool sasl = protocol.starts_with("sasl");
  const bool ssl = protocol == "ssl" || protocol == "saslSsl";
  settings["security.protocol"] = protocol == "saslSsl" ? "sasl_ssl" : protocol == "saslPlaintext" ? "sasl_plaintext" : protocol;
  bool ok = true;
  const std::string why = "protocol: " + protocol;
  for (std::string_view key : {"mechanism", "username", "password"}) ok &= needs(context, security, key, sasl, why);
  for (std::string_view key : {"caFile", "ca", "certificate", "key", "keyPassword"})
    if (!ssl && security.has(key)) ok &= needs(context, security, key, false, why);
  if (security.has("caFile") && security.has("ca")) {
    context.problems.error(codes::excluded_key, security.at("ca"), "`ca` and `caFile` are the same thing", "keep one of them");
    ok = false;
  }
  if (security.has("certificate") != security.has("key")) {
    context.problems.error(codes::missing_key, security.at(), "a client's `certificate` and `key` go together");
    ok = false;
  }
  if (sasl && security.has("mechanism")) settings["sasl.mechanism"] = security.text("mechanism");
  set_value(security, "username", "sasl.username", into);
  set_value(security, "password", "sasl.password", into);
  if (security.has("caFile")) settings["ssl.ca.location"] = resolve_path(context, security.get("caFile"));
  set_value(security, "ca", "ssl.ca.pem", into);
  set_value(security, "certificate", "ssl.certificate.pem", into);
  set_value(security, "key", "ssl.key.pem", into);
  set_value(security, "keyPassword", "ssl.key.password", into);
  return ok;
}

/// Of `host:port`s, joined by commas; a port may be left out.
bool has_good_ports(plan_context& context, const yaml_node& servers) {
  bool ok = true;
  for (std::string_view rest = servers.text; !rest.empty();) {
    const std::string_view each = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), each.size() + 1));
    const size_t colon = each.rfind(':');
    if (colon == std::string_view::npos || each.find(']', colon) != std::string_view::npos) continue;  // [an address of version 6]
    std::string_view digits = each.substr(colon + 1);
    while (digits.ends_with(' ')) digits.remove_suffix(1);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error == std::errc() && end == digits.data() + digits.size() && port > 0) continue;
    context.problems.error(codes::out_of_range, servers.at, "`" + std::string(each) + "`: a port is a number from 1 to 65535");
    ok = false;
  }
  return ok;
}

bool read_kafka(plan_context& context, const object_view& kafka, proto::Connection& into) {
  const yaml_node& servers = *kafka.get("bootstrapServers");
  std::string joined = servers.is_scalar() ? servers.text : std::string();
  for (const yaml_node& each : servers.items) joined += (joined.empty() ? "" : ",") + each.text;
  bool ok = true;
  if (joined.find_first_not_of(", \t") == std::string::npos) {
    context.problems.error(codes::empty, servers.at, "`bootstrapServers` is empty", "host:port of some brokers");
    ok = false;
  }
  ok &= has_good_ports(context, servers);
  for (const yaml_node& each : servers.items) ok &= has_good_ports(context, each);
  (*into.mutable_settings())["bootstrap.servers"] = joined;
  if (kafka.has("security")) ok &= read_kafka_security(context, kafka.object("security"), into);
  const yaml_node* client = kafka.get("client");
  if (!client) return ok;
  const std::vector<std::string> allowed(allowed_kafka_client_properties.begin(), allowed_kafka_client_properties.end());
  for (const yaml_node::entry& entry : client->entries) {
    if (is_allowed_kafka_client_property(entry.key)) {
      (*into.mutable_settings())[entry.key] = entry.value.text;
      continue;
    }
    context.problems.error(codes::not_a_choice, entry.at, "`client` may not set `" + entry.key + "`",
                           "docs/manifest.md lists what it may set; security has keys of its own",
                           nearest_names(entry.key, allowed));
    ok = false;
  }
  return ok;
}

bool read_postgresql(plan_context& context, const object_view& server, proto::Connection& into) {
  auto& settings = *into.mutable_settings();
  settings["host"] = server.text("host");
  settings["port"] = server.text("port");
  settings["dbname"] = server.text("database");
  settings["sslmode"] = server.text("sslMode");
  set_value(server, "username", "user", into);
  set_value(server, "password", "password", into);
  for (auto [key, keyword] : {std::pair("caFile", "sslrootcert"), {"certificateFile", "sslcert"}, {"keyFile", "sslkey"}})
    if (server.has(key)) settings[keyword] = resolve_path(context, server.get(key));
  const int64_t seconds = (server.duration_us("connectTimeout") + 999'999) / 1'000'000;
  settings["connect_timeout"] = std::to_string(seconds);
  if (seconds >= 2) return true;
  // libpq takes 1 for 2 and 0 for ever.
  context.problems.error(codes::out_of_range, server.at("connectTimeout"), "`connectTimeout` is 2s at least");
  return false;
}

}  // namespace

void read_connection(plan_context& context, const yaml_node& document) {
  const yaml_node* metadata = document.find("metadata");
  const yaml_node* name = metadata && metadata->is_map() ? metadata->find("name") : nullptr;
  if (!name || !name->is_scalar() || name->invalid) return;  // reported by the document's check
  auto [at, added] = context.connections.emplace(name->text, known_connection{});
  if (!added) {
    context.problems.error(codes::duplicate_name, name->at, "there is a connection `" + name->text + "` already");
    return;
  }
  known_connection& made = at->second;
  made.settings.set_name(name->text);
  made.poisoned = true;
  const object_view spec = object_view(&document, manifest_table::connection_document()).object("spec");
  if (document.invalid || !spec.node()) return;
  made.system = std::string(spec.alternative());
  if (made.system == "kafka") made.poisoned = !read_kafka(context, spec.object("kafka"), made.settings);
  if (made.system == "postgresql") made.poisoned = !read_postgresql(context, spec.object("postgresql"), made.settings);
}

bool find_connection(plan_context& context, const object_view& connector, std::string_view system,
                     proto::Connection& into) {
  const yaml_node* name = connector.get("connection");
  if (!name) return false;  // reported by the table's check
  const auto found = context.connections.find(name->text);
  if (found == context.connections.end()) {
    std::vector<std::string> names;
    for (const auto& [known, connection] : context.connections)
      if (connection.system.empty() || connection.system == system) names.push_back(known);
    context.problems.error(codes::unknown_name, name->at, "no connection `" + name->text + "`",
                           names.empty() ? "write a document of kind: Connection, or give its file too" : "",
                           nearest_names(name->text, names));
    return false;
  }
  if (!found->second.system.empty() && found->second.system != system) {
    context.problems.error(codes::wrong_connection, name->at,
                           "the connection `" + name->text + "` is one to " + found->second.system + ", not to " +
                               std::string(system));
    return false;
  }
  if (found->second.poisoned) return false;
  into = found->second.settings;
  return true;
}

}  // namespace systole
