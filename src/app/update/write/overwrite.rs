//! What an overwrite removes from the list.

use uuid::Uuid;

use super::Writer;
use crate::{
    app::update::rejections::Rejections, error::Result, long_work, repository::bulk, spool::Spool,
};

/// How many ids of members that stay one statement takes.
const KEPT_IDS_CHUNK: usize = 10_000;

impl Writer<'_> {
    /// Removes the members that are neither among `stored_ids`, those of the plan, nor identified by a rejected contact. It
    /// goes through ranges of ids, so that no statement gets too long.
    pub(super) async fn remove_others(
        &mut self,
        stored_ids: &Spool<Uuid>,
        rejections: &Rejections,
    ) -> Result<()> {
        let mut rejected_ids = self.rejected_ids(rejections).await?;
        long_work::aside(rejected_ids.size_bytes(), || rejected_ids.sort());
        let mut kept = merged(stored_ids, &rejected_ids);
        let mut after = Uuid::nil();
        loop {
            self.transaction.check_caller()?;
            let ids: Vec<Uuid> = kept.by_ref().take(KEPT_IDS_CHUNK).collect::<Result<_>>()?;
            let is_last = ids.len() < KEPT_IDS_CHUNK;
            let up_to = match ids.last() {
                Some(last) if !is_last => *last,
                _ => Uuid::max(),
            };
            self.counts.removed += bulk::remove_other_members(
                self.transaction,
                self.update.organization(),
                self.update.header.contact_list_id,
                (after, up_to),
                &ids,
            )
            .await?;
            if is_last {
                return Ok(());
            }
            after = up_to;
        }
    }

    /// The stored contacts that a rejected contact, of the stream or of the plan, identifies.
    async fn rejected_ids(&self, of_plan: &Rejections) -> Result<Spool<Uuid>> {
        let mut ids = Spool::new(&self.update.quota);
        let mut keys = self
            .update
            .rejections
            .keys
            .iter()
            .chain(of_plan.keys.iter());
        let size = self.transaction.chunk_size();
        loop {
            let chunk: Vec<_> = keys.by_ref().take(size).collect::<Result<_>>()?;
            if chunk.is_empty() {
                return Ok(ids);
            }
            let found = bulk::ids_named_by(
                self.transaction,
                self.update.organization(),
                chunk.iter().filter_map(|keys| keys.phone),
                chunk.iter().filter_map(|keys| keys.external_id.clone()),
            )
            .await?;
            for id in found {
                ids.push(id)?;
            }
        }
    }
}

/// The ids of two spools in order. An id that is in both comes twice, which does no harm.
fn merged<'a>(
    first: &'a Spool<Uuid>,
    second: &'a Spool<Uuid>,
) -> impl Iterator<Item = Result<Uuid>> + 'a {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    std::iter::from_fn(move || {
        let from_first = match (first.peek(), second.peek()) {
            (Some(Ok(a)), Some(Ok(b))) => a <= b,
            (Some(_), _) => true,
            (None, _) => false,
        };
        let next = if from_first {
            first.next()
        } else {
            second.next()
        };
        next.map(|id| id.map(|id| *id))
    })
}
