#include "control/openapi.h"

#include <gtest/gtest.h>

#include <set>

#include "control/rest_routes.h"
#include "formats/json_value.h"

namespace systole {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

TEST(openapi, has_each_route_with_its_role_and_no_other) {
  const auto document = json_value::parse(openapi_document());
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(*document->find("openapi")->text(), "3.1.0");
  std::set<std::string> described, routed;
  for (const auto& [path, item] : *document->find("paths")->members())
    for (const auto& [method, operation] : *item.members()) {
      if (method == "parameters") continue;
      const json_value* role = operation.find("x-role");
      described.insert(upper(method) + " " + path + " " + (role ? *role->text() : "anybody"));
    }
  for (const rest_route& route : rest_routes()) {
    const bool open = route.path == "/healthz" || route.path == "/readyz" || route.path == "/api/v1/openapi.json";
    routed.insert(std::string(route.method) + " " + std::string(route.path) + " " +
                  (open ? "anybody" : std::string(name_of(route.needed))));
  }
  EXPECT_EQ(described, routed);
}

TEST(openapi, refers_only_to_what_it_has) {
  const auto document = json_value::parse(openapi_document());
  ASSERT_TRUE(document);
  const auto look = [&](const auto& again, const json_value& in) -> void {
    if (const auto* items = in.items())
      for (const json_value& each : *items) again(again, each);
    const auto* members = in.members();
    if (!members) return;
    for (const auto& [name, value] : *members) {
      again(again, value);
      if (name != "$ref") continue;
      std::string_view rest = *value.text();
      ASSERT_TRUE(rest.starts_with("#/components/")) << rest;
      rest.remove_prefix(2);
      const json_value* target = &*document;
      while (target && !rest.empty()) {
        const size_t slash = std::min(rest.find('/'), rest.size());
        target = target->find(rest.substr(0, slash));
        rest.remove_prefix(std::min(slash + 1, rest.size()));
      }
      EXPECT_NE(target, nullptr) << *value.text();
    }
  };
  look(look, *document);
}

}  // namespace
}  // namespace systole
