//! Nothing lost, nothing doubled: the service under kills and under many callers at once, against a small model of what it
//! promises. The short forms run with all other tests; see each module for the variables that ask for long ones.

mod concurrency;
mod crashes;
mod model;
mod observed;
mod random;
mod wire;
mod world;

use test_support as support;
