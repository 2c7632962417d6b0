// Templates, and the records that they make text of.
#pragma once

#include "neutra/train/text_template.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

/// A record, and the template of records or of the content of their messages.
inline void templates(std::string_view bytes) {
  const Pair files(bytes);
  attempt([&] {
    const train::TextTemplate made(files.rest, "--template");
    claim(made.text() == files.rest, "a template must be known as it was given");
    train::RecordTemplates whole{.whole = made}, roles;
    for (const char* role : {"user", "assistant"}) roles.roles.emplace(role, made);
    const io::Json record = io::parse(files.json, "record");
    for (const train::RecordTemplates* one : {&whole, &roles})
      attempt([&] {
        one->check();
        const train::RecordText text = one->text_of(record, "record");
        std::size_t end = 0;
        for (const data::Run& run : text.unscored) {
          claim(run.begin < run.end && (end == 0 || run.begin > end), "runs must be apart and in order");
          end = run.end;
        }
        claim(end <= text.bytes.size(), "runs must lie in the text");
      });
  });
}

}  // namespace fuzz
