/// Whether a type has a member of some name, whatever its kind and signature.
///
/// An optional member that is misspelt in its signature would be ignored in silence. Such a member is looked for by
/// its name alone, and refused in one sentence where it cannot be called.
#pragma once

/// NEUTRA_NAMED_MEMBER(SaysOptions, options);   defines the concept SaysOptions<P>: P has a member called options.
/// Where a second base has a member of that name too, naming it is ambiguous.
#define NEUTRA_NAMED_MEMBER(Concept, member)                       \
  struct Concept##Other {                                          \
    void member();                                                 \
  };                                                               \
  template <class P> struct Concept##Twice : P, Concept##Other {}; \
  template <class P>                                               \
  concept Concept = !requires {                                    \
    &Concept##Twice<P>::member;                                    \
  }
