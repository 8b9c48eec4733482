//! Tests of streaming over TTHeader.
