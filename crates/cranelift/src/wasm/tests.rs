//! Translates small modules and looks at the code that comes out.
