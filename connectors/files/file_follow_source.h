#pragma once

#include <memory>

#include "connectors/factory.h"
#include "connectors/source.h"

namespace systole {

/// Reads the plain files that match a pattern without end: what is appended to them, and new ones. A file belongs to the
/// subtask that its path's hash picks; each is a split with a watermark of its own. A file that became shorter or was
/// replaced stops the job with its name. docs/format/source_position.md has the snapshot.
result<std::unique_ptr<source_factory>> make_file_follow_source(const proto::Source& source,
                                                                const connector_context& context);

}  // namespace systole
