#include "http/message.h"

#include "base/json_text.h"

namespace systole {

http_response http_error(unsigned status, std::string_view code, std::string_view message) {
  json_text body;
  body.open_object().key("error").open_object();
  body.key("code").text(code).key("message").text(message);
  body.close_object().close_object();
  http_response made;
  made.status = status;
  made.body = body.take() + "\n";
  return made;
}

}  // namespace systole
