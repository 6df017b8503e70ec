#pragma once

#include <caf/actor_cast.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/sec.hpp>
#include <exception>
#include <string>
#include <utility>

#include "base/result.h"

namespace systole {

/// Replaces an actor's default handlers, which print messages' contents: an unexpected message or an exception fails
/// the attempt through `report`, with the kind of the trouble and no contents.
template <class Self, class Report>
void make_quiet(Self* self, Report report) {
  self->set_default_handler([report](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
    report(fail(error_code::internal, "an actor got a message that it does not know"));
    return caf::sec::unexpected_message;
  });
  self->set_error_handler([report](caf::scheduled_actor*, caf::error&) {
    report(fail(error_code::internal, "an actor got an error from another"));
  });
  self->set_exception_handler([report](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      report(fail(error_code::limit_exceeded, "out of memory"));
    } catch (const std::exception&) {
      report(fail(error_code::internal, "an actor caught an exception"));  // its text may hold data
    }
    return caf::sec::runtime_error;
  });
}

}  // namespace systole
