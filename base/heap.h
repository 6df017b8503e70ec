#pragma once

namespace systole {

/// Lets the heap keep what frames and fetched records (256 KiB to 2 MiB) were in: the C library else returns each to the
/// kernel, which clears its pages again for the next one (a tenth to a fifth of what a link can carry). Up to 16 MiB, a
/// step's columns of a batch or two, stay at each arena's end. Call first of all in main(); without effect where the C library is not glibc.
void keep_freed_blocks();

}  // namespace systole
