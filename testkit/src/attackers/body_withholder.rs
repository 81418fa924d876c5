//! Somebody who has everything and gives little of it: it tells its head and serves headers as it should, and of
//! bodies nothing, or half, or it does not answer at all. Who catches up with its help alone never arrives.

use aureon_proto::v1::{self as proto, sync_request::Request, sync_response::Response};

use super::{Attacker, Scene};

/// See the module.
pub(super) struct BodyWithholder;

impl Attacker for BodyWithholder {
    fn answer(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Request,
        response: &mut proto::SyncResponse,
    ) -> bool {
        if !matches!(
            request,
            Request::Range(_) | Request::Block(_) | Request::Transactions(_)
        ) {
            return true;
        }
        let way = scene.random.between(0, 2);
        match &mut response.response {
            _ if way == 0 => return false,
            Some(Response::Range(range)) => {
                let half = range.blocks.len() / 2;
                if way == 1 {
                    range.blocks.truncate(half);
                } else {
                    let upper = range.blocks.iter_mut().skip(half);
                    upper.for_each(|certified| certified.block = None);
                }
            }
            Some(Response::Block(answer)) => *answer = proto::BlockResponse::default(),
            Some(Response::Transactions(answer)) => {
                let half = answer.transactions.len() / 2;
                answer.transactions.truncate(half);
            }
            _ => {}
        }
        true
    }
}
