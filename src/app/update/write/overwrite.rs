//! What an overwrite removes from the list.

use uuid::Uuid;

use super::Writer;
use crate::{
    app::update::rejections::Rejections, error::Result, long_work, repository::bulk, spool::Spool,
};

/// How many ids of members that stay one statement takes.
const KEPT_IDS_CHUNK: usize = 10_000;

/// About how many members one statement removes at most: SQLite keeps what a statement returns in memory.
const REMOVED_MEMBERS_CHUNK: u64 = 20_000;

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
        let mut kept = merged(stored_ids, &rejected_ids).peekable();
        let list = self.update.header.contact_list_id;
        let (transaction, organization) = (self.transaction, self.update.organization());
        let (mut after, mut is_long) = (Uuid::nil(), self.member_count > REMOVED_MEMBERS_CHUNK);
        while after < Uuid::max() {
            transaction.check_caller()?;
            let mut up_to = None;
            if is_long {
                let count = REMOVED_MEMBERS_CHUNK;
                up_to = bulk::nth_member(transaction, organization, list, after, count).await?;
                is_long = up_to.is_some();
            }
            let mut up_to = up_to.unwrap_or(Uuid::max());
            let is_in_range = |id: &Result<Uuid>| id.as_ref().map_or(true, |id| *id <= up_to);
            let in_range = std::iter::from_fn(|| kept.next_if(is_in_range));
            let ids: Vec<Uuid> = in_range.take(KEPT_IDS_CHUNK).collect::<Result<_>>()?;
            if let Some(last) = ids.last()
                && ids.len() == KEPT_IDS_CHUNK
            {
                up_to = *last;
            }
            let (range, removed) = ((after, up_to), &mut self.journal.removed);
            let removed =
                bulk::remove_other_members(transaction, organization, list, range, &ids, removed);
            self.counts.removed += removed.await?;
            after = up_to;
        }
        Ok(())
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
