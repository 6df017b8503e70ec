#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <functional>

namespace systole {

/// Something for a node's actor to do on its thread: what another thread has seen, or a time that has come.
struct node_work {
  std::function<void()> what;
};

/// A process's own actor (a worker or a coordinator): one thread at a time, so that what it holds needs no lock. What
/// it is given after its end is dropped.
using node_actor = caf::typed_actor<
    // From anybody in the process: call it.
    caf::reacts_to<node_work>>;

}  // namespace systole

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::node_work)
