//! Nothing is lost and nothing is done twice: the service is killed, and called by many callers at once, and must behave
//! like the reference model of the rules. The short forms run with all other tests; each module names the variable that asks
//! for a longer one. `CONTACT_LISTS_SEED` repeats the choices of a run.

mod answers;
mod calls;
mod concurrency;
mod crashes;
mod execute;
mod id_map;
mod replica;
mod requests;
mod snapshot;
mod stored;
mod values;
