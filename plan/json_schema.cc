// The JSON Schema is written from the manifest's table; what it cannot say (that inputs exist, that expressions are
// right) the compiler says.
#include "base/json_text.h"
#include "plan/compile.h"
#include "plan/manifest_table.h"

namespace systole {
namespace {

class schema_writer {
 public:
  std::string run() {
    out_.open_object();
    out_.key("$schema").text("http://json-schema.org/draft-07/schema#");
    out_.key("title").text("systole/v1 manifest");
    out_.key("oneOf").open_array();
    object(manifest_table::job_document());
    object(manifest_table::connection_document());
    job_test();
    out_.close_array();
    out_.close_object();
    return out_.take() + "\n";
  }

 private:
  void job_test() {
    out_.open_object();
    out_.key("type").text("object");
    out_.key("description").text("Tests of a job; `run` skips them.");
    out_.key("required").open_array().text("kind").close_array();
    out_.key("properties").open_object();
    out_.key("kind").open_object().key("enum").open_array().text("JobTest").close_array().close_object();
    out_.close_object();
    out_.close_object();
  }

  void object(const object_descriptor& descriptor, std::string_view description = {}) {
    out_.open_object();
    out_.key("type").text("object");
    out_.key("description").text(description.empty() ? descriptor.description : description);
    out_.key("additionalProperties").boolean(false);
    std::vector<std::string_view> required, alternatives;
    out_.key("properties").open_object();
    for (const field_descriptor& field : descriptor.fields) {
      if (!field.available) continue;
      if (field.required) required.push_back(field.key);
      if (field.alternative) alternatives.push_back(field.key);
      out_.key(field.key);
      property(field);
    }
    out_.close_object();
    if (!required.empty()) {
      out_.key("required").open_array();
      for (std::string_view key : required) out_.text(key);
      out_.close_array();
    }
    if (!alternatives.empty()) {
      out_.key("oneOf").open_array();
      for (std::string_view key : alternatives)
        out_.open_object().key("required").open_array().text(key).close_array().close_object();
      out_.close_array();
    }
    out_.close_object();
  }

  void property(const field_descriptor& field) {
    if (field.shape.kind == value_kind::object) {
      object(*field.shape.object, field.description);
      return;
    }
    out_.open_object();
    out_.key("description").text(field.description);
    if (!field.default_text.empty()) {
      out_.key("default");
      const bool bare = field.shape.kind == value_kind::boolean || field.shape.kind == value_kind::integer ||
                        field.shape.kind == value_kind::number;
      if (bare) out_.raw(field.default_text);
      else out_.text(field.default_text);
    }
    body(field.shape);
    out_.close_object();
  }

  void shape(const value_shape& shape) {
    if (shape.kind == value_kind::object) {
      object(*shape.object);
      return;
    }
    out_.open_object();
    body(shape);
    out_.close_object();
  }

  /// A scalar, or a text with a parameter in it.
  void or_parameter(std::string_view type) {
    out_.key("anyOf").open_array();
    out_.open_object().key("type").text(type).close_object();
    out_.open_object().key("type").text("string").key("pattern").text("\\$\\{param\\.").close_object();
    out_.close_array();
  }

  void body(const value_shape& shape) {
    switch (shape.kind) {
      case value_kind::boolean: or_parameter("boolean"); break;
      case value_kind::integer: or_parameter("integer"); break;
      case value_kind::number: or_parameter("number"); break;
      case value_kind::name:
      case value_kind::identifier: out_.key("type").text("string"); break;
      case value_kind::duration:
        out_.key("type").text("string");
        out_.key("pattern").text("^(0|([0-9]+(us|ms|s|m|h|d))+|.*\\$\\{param\\..*)$");
        break;
      case value_kind::size:
        out_.key("type").open_array().text("string").text("integer").close_array();
        break;
      case value_kind::choice:
        out_.key("enum").open_array();
        for (std::string_view choice : shape.choices) out_.text(choice);
        out_.close_array();
        break;
      case value_kind::text:
      case value_kind::expression:
        out_.key("type").open_array().text("string").text("number").text("boolean").text("null").close_array();
        break;
      case value_kind::list:
        out_.key("type").text("array");
        if (!shape.may_be_empty) out_.key("minItems").raw("1");
        out_.key("items");
        this->shape(*shape.element);
        break;
      case value_kind::map_of:
        out_.key("type").text("object");
        if (!shape.may_be_empty) out_.key("minProperties").raw("1");
        if (shape.names != value_kind::text)
          out_.key("propertyNames").open_object().key("pattern").text(
              shape.names == value_kind::name ? "^[A-Za-z_][A-Za-z0-9_-]*$" : "^[A-Za-z_][A-Za-z0-9_]*$").close_object();
        out_.key("additionalProperties");
        this->shape(*shape.element);
        break;
      case value_kind::either:
        out_.key("anyOf").open_array();
        for (const value_shape* alternative : shape.alternatives) this->shape(*alternative);
        out_.close_array();
        break;
      case value_kind::object: case value_kind::anything: break;
    }
  }

  json_text out_;
};

}  // namespace

std::string json_schema() { return schema_writer().run(); }

}  // namespace systole
