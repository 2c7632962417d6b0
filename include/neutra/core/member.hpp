/// Detects whether a type has a member of a given name, whatever its kind and signature.
///
/// An optional member with a wrong signature would be ignored silently. Such a member is therefore detected by its name
/// alone, and rejected with one message if it cannot be called.
#pragma once

#include <type_traits>

/// NEUTRA_NAMED_MEMBER(SaysOptions, options);   defines the concept SaysOptions<P>: P has a member called options.
/// If a second base has a member of that name too, the name is ambiguous. A final class cannot be tested.
#define NEUTRA_NAMED_MEMBER(Concept, member)                       \
  struct Concept##Other {                                          \
    void member();                                                 \
  };                                                               \
  template <class P> struct Concept##Twice : P, Concept##Other {}; \
  template <class P>                                               \
  concept Concept = !std::is_final_v<P> && !requires {             \
    &Concept##Twice<P>::member;                                    \
  }
