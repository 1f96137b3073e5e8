// What is to be said of a name, as Markdown: what it is, what it does in each environment by the files, and what the
// server has.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "lsp/folder.h"
#include "lsp/live.h"

namespace guidon::lsp {

// "": nothing is known of it.
std::string HoverText(const Folder& folder, const Name& name);

// Of a flag or an experiment.
std::string LiveText(const Folder& folder, const EntityRef& ref, const LiveAnswer& answer);

// Text of people within Markdown: nothing in it means anything to Markdown.
std::string Escaped(std::string_view text);

}  // namespace guidon::lsp
