//! The storefront's verbs, and the admin's that move units.

use std::sync::Arc;

use super::{
    Answer, CallError, DropHandle, Effect, Engine, Success,
    admin::unavailable,
    call::{Refused, Settled},
};
use crate::{
    command::{
        Change, Confirm, Extend, ExtendTo, Handed, Operation, Refusal, Release, Reserve, Restock,
        Return, Verb,
    },
    domain::{
        CustomerId, DropId, Lines, Millis, OrderId, Reference, RequestKey, Reservation,
        ReservationId, ReservationState, SkuId, Stock,
    },
    lane::Until,
    ledger::Remembered,
    progress::Trouble,
};

impl Engine {
    /// Holds units for a customer.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn reserve(
        &self,
        drop: &DropId,
        id: ReservationId,
        customer_id: CustomerId,
        lines: Lines,
        ttl_seconds: Option<i64>,
        key: Option<RequestKey>,
    ) -> Answer<Reservation> {
        let handle = self.find_for(drop, key.as_ref()).await?;
        let reserve = Reserve { id, customer_id, lines, ttl_seconds, key };
        if handle.progress.is_evicted() {
            let answer = Box::pin(self.hold_when_over(&handle, reserve)).await;
            handle.counted.answered(drop, Verb::Reserve, &answer);
            return answer;
        }
        let answer = match handle.known_sold_out(&reserve, self.now()) {
            Some(refusal) => Err(CallError::Refused(refusal)),
            // Boxed, so that a refusal that is known here carries nothing of it along.
            None => Box::pin(self.hold(&handle, reserve)).await,
        };
        handle.counted.answered(drop, Verb::Reserve, &answer);
        answer
    }

    async fn hold(&self, handle: &DropHandle, reserve: Reserve) -> Answer<Reservation> {
        let key = reserve.key.clone();
        let settled = self.settle(handle, reserve, key.as_ref(), self.deadline()).await?;
        let answer = finish(settled, |found| found.reservation(&handle.id))?;
        handle.progress.deadline(answer.value.expires_at);
        Ok(answer)
    }

    /// A hold in a drop that has left Redis, and is closed: the ledger says what its script would. A
    /// storm of them must not bring the drop back.
    async fn hold_when_over(&self, handle: &DropHandle, reserve: Reserve) -> Answer<Reservation> {
        if let Some(key) = &reserve.key {
            let known = self.ledger.remembered(&handle.id, &key.key).await;
            match known.map_err(|error| CallError::undone(Some(key), error.to_string()))? {
                Some(known) if known.fingerprint != key.fingerprint => {
                    return Err(CallError::Refused(Refusal::KeyReused));
                }
                Some(known) => {
                    return finish(Ok(Settled::Replayed(known)), |found| {
                        found.reservation(&handle.id)
                    });
                }
                None => {}
            }
        }
        let view = handle.view(&self.ledger).await.map_err(unavailable)?;
        let view = view.ok_or(CallError::UnknownDrop)?;
        let settings = &view.settings;
        let longest = settings.hold_ttl_seconds;
        if reserve.ttl_seconds.is_some_and(|seconds| seconds > longest) {
            return Err(CallError::Refused(Refusal::TtlTooLong(longest * 1000)));
        }
        Err(CallError::Refused(Refusal::Closed(settings.opens_at)))
    }

    /// Replaces the lines of a held reservation.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn change(
        &self,
        drop: &DropId,
        id: ReservationId,
        lines: Lines,
        key: Option<RequestKey>,
    ) -> Answer<Reservation> {
        let make = |_: Option<Handed>| Change { id, lines: lines.clone(), key: key.clone() };
        self.handed_call(drop, id, make, key.as_ref()).await
    }

    /// Moves the deadline of a held reservation.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn extend(
        &self,
        drop: &DropId,
        id: ReservationId,
        ttl_seconds: Option<i64>,
        key: Option<RequestKey>,
    ) -> Answer<Reservation> {
        let to = ttl_seconds.map_or(ExtendTo::DropTtl, ExtendTo::Seconds);
        let make = |_: Option<Handed>| Extend { id, to, key: key.clone() };
        self.handed_call(drop, id, make, key.as_ref()).await
    }

    /// Turns held units into sold units.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn confirm(
        &self,
        drop: &DropId,
        id: ReservationId,
        order_id: OrderId,
        reacquire: bool,
        key: Option<RequestKey>,
    ) -> Answer<Reservation> {
        let make = |handed| Confirm {
            id,
            order_id: order_id.clone(),
            reacquire,
            handed,
            key: key.clone(),
        };
        self.handed_call(drop, id, make, key.as_ref()).await
    }

    /// Gives held units back.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn release(
        &self,
        drop: &DropId,
        id: ReservationId,
        key: Option<RequestKey>,
    ) -> Answer<Reservation> {
        let make = |handed| Release { id, handed, key: key.clone() };
        self.handed_call(drop, id, make, key.as_ref()).await
    }

    /// Gives sold units back.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn return_units(
        &self,
        drop: &DropId,
        id: ReservationId,
        lines: Option<Lines>,
        reason: Option<String>,
        restock: bool,
        key: Option<RequestKey>,
    ) -> Answer<Reservation> {
        let make = |handed| Return {
            id,
            lines: lines.clone(),
            reason: reason.clone(),
            restock,
            handed,
            key: key.clone(),
        };
        self.handed_call(drop, id, make, key.as_ref()).await
    }

    /// Adds units to a SKU's total, or takes free ones out of it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn restock(
        &self,
        drop: &DropId,
        sku: &SkuId,
        quantity: i64,
        reason: Option<String>,
        reference: Option<Reference>,
        key: RequestKey,
    ) -> Answer<Stock> {
        let handle = self.find_for(drop, Some(&key)).await?;
        let restock =
            Restock { sku: sku.clone(), quantity, reason, reference, key: Some(key.clone()) };
        let settled = self.settle(&handle, restock, Some(&key), self.deadline()).await;
        let answer = settled.and_then(|settled| finish(settled, |found| found.stock()));
        handle.counted.answered(drop, Verb::Restock, &answer);
        answer
    }

    /// A call about a reservation that may have left Redis: then the ledger's version of it is
    /// handed to the script, or tells what the refusal is.
    async fn handed_call<O>(
        &self,
        drop: &DropId,
        id: ReservationId,
        make: impl Fn(Option<Handed>) -> O,
        key: Option<&RequestKey>,
    ) -> Answer<Reservation>
    where
        O: Operation<Answer = Reservation> + Clone,
    {
        let handle = self.find_for(drop, key).await?;
        let answer = self.handed_to(&handle, id, make, key).await;
        handle.counted.answered(drop, O::VERB, &answer);
        answer
    }

    async fn handed_to<O>(
        &self,
        handle: &DropHandle,
        id: ReservationId,
        make: impl Fn(Option<Handed>) -> O,
        key: Option<&RequestKey>,
    ) -> Answer<Reservation>
    where
        O: Operation<Answer = Reservation> + Clone,
    {
        let deadline = self.deadline();
        let first = self.settle(handle, make(None), key, deadline).await?;
        let Err(Refused { refusal: Refusal::UnknownReservation, now: read_at }) = first else {
            return finish(first, |found| found.reservation(&handle.id));
        };
        let known = self.ledger.reservation(&handle.id, id).await;
        let known = known.map_err(|error| CallError::undone(key, error.to_string()))?;
        let Some(reservation) = known else {
            return Err(CallError::Refused(Refusal::UnknownReservation));
        };
        self.second_try(handle, make, Handed { reservation, read_at }, key, deadline).await
    }

    /// A drop, for a call whose earlier try may have got further than this one.
    async fn find_for(
        &self,
        drop: &DropId,
        key: Option<&RequestKey>,
    ) -> Result<Arc<DropHandle>, CallError> {
        match self.find(drop).await {
            Err(CallError::Unavailable { effect: Effect::None, reason }) => {
                Err(CallError::undone(key, reason))
            }
            found => found,
        }
    }

    async fn second_try<O>(
        &self,
        handle: &DropHandle,
        make: impl Fn(Option<Handed>) -> O,
        handed: Handed,
        key: Option<&RequestKey>,
        deadline: tokio::time::Instant,
    ) -> Answer<Reservation>
    where
        O: Operation<Answer = Reservation> + Clone,
    {
        let state = handed.reservation.state;
        let second = self.settle(handle, make(Some(handed)), key, deadline).await?;
        match second {
            // The script takes no handed version (change, extend): it has ended long ago.
            Err(Refused { refusal: Refusal::UnknownReservation, .. })
                if state != ReservationState::Held =>
            {
                Err(CallError::Refused(Refusal::Ended(state)))
            }
            Err(Refused { refusal: Refusal::UnknownReservation, .. }) => {
                handle.progress.report(Trouble::Look);
                Err(CallError::undone(key, "Redis does not have the hold; the drop is looked at"))
            }
            settled => finish(settled, |found| found.reservation(&handle.id)),
        }
    }

    /// Writes deadlines that a rebuild moved into the ledger. Whoever else extends or ends one
    /// of these holds meanwhile is right too, so refusals don't matter.
    pub(crate) async fn write_grace(&self, drop: &DropId, holds: &[(ReservationId, Millis)]) {
        let Ok(handle) = self.find(drop).await else { return };
        for chunk in holds.chunks(400) {
            let deadline = self.deadline();
            let calls = chunk.iter().map(|(id, _)| {
                let extend = Extend { id: *id, to: ExtendTo::Grace, key: None };
                handle.lane.run(extend, Until::Decided, deadline)
            });
            futures_util::future::join_all(calls).await;
        }
    }
}

fn finish<A>(
    settled: Result<Settled<A>, Refused>,
    read: impl Fn(&Remembered) -> Option<A>,
) -> Answer<A> {
    match settled {
        Ok(Settled::Done(value)) => Ok(Success { value, replayed: false }),
        Ok(Settled::Replayed(found)) => match read(&found) {
            Some(value) => Ok(Success { value, replayed: true }),
            None => Err(CallError::unknown("the first answer can't be read")),
        },
        Err(Refused { refusal, .. }) => Err(CallError::Refused(refusal)),
    }
}
