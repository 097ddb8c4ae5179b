//! Those who are told what happens, whatever they are connected by: leads to the owner of the connection.

use crate::base::id::{ClientId, Ticket};
use crate::control::message::{Chunk, Event};

use super::clients::{Clients, Follower};
use super::web::Web;

/// The clients with numbers from here on came by HTTP.
const FIRST_OF_WEB: u64 = 1 << 63;

/// The number of a client that came by HTTP, the first of them being 0.
#[must_use]
#[cfg_attr(not(feature = "web"), allow(dead_code))]
pub fn of_web(number: u64) -> ClientId {
    ClientId(FIRST_OF_WEB | number)
}

/// Whether a client came by HTTP.
#[must_use]
pub fn is_of_web(client: ClientId) -> bool {
    client.0 >= FIRST_OF_WEB
}

/// How somebody who follows is told; `None` if it does not follow any more.
#[must_use]
pub fn follower(clients: &Clients, web: &Web, ticket: Ticket) -> Option<Follower> {
    if is_of_web(ticket.client) { web.follower(ticket) } else { clients.follower(ticket) }
}

/// Tells of an event; there is room for it.
pub fn push(clients: &mut Clients, web: &mut Web, ticket: Ticket, event: &Event) {
    if is_of_web(ticket.client) { web.push(ticket, event) } else { clients.push(ticket, event) }
}

/// Passes output on; there is room for it.
pub fn push_output(clients: &mut Clients, web: &mut Web, ticket: Ticket, chunk: &Chunk, labelled: bool) {
    if is_of_web(ticket.client) {
        web.push_output(ticket, chunk, labelled);
    } else {
        clients.push_output(ticket, chunk, labelled);
    }
}

/// Ends a stream whose client has fallen too far behind.
pub fn cut_short(clients: &mut Clients, web: &mut Web, ticket: Ticket) {
    if is_of_web(ticket.client) { web.cut_short(ticket) } else { clients.cut_short(ticket) }
}
