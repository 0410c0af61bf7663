//! The numeric loops of twinglyph.
