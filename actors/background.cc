#include "actors/background.h"

#include "actors/quiet_actor.h"
#include "base/log.h"

namespace systole {

node_actor spawn_background_thread(caf::actor_system& system) {
  return system.spawn<caf::detached>([](node_actor::pointer self) -> node_actor::behavior_type {
    make_quiet(self, [](const failure& cause) { log_line(log_level::error, "background", cause.message); });
    return {[self](const node_work& work) {
      if (work.what) work.what();
      else self->quit();
    }};
  });
}

}  // namespace systole
