"""Money in the hot store, told as an accountant would read it; see tests.ledger.stories."""

import pytest

from ledger.model import Account, AccountMode
from ledger.store.hot import HotStore
from tests.ledger.samples import FACTS, KEY_HASH, SHARD
from tests.ledger.stories import CUSTOMER, Story


@pytest.fixture
async def prepaid(hot: HotStore) -> Story:
    await hot.put_key(SHARD, KEY_HASH, FACTS)
    await hot.set_account(SHARD, CUSTOMER, Account(AccountMode.PREPAID))
    return Story(hot)


async def test_a_hold_is_given_back_and_the_cost_is_charged(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at        what happens        answer               credit  allowance  held
        09:00:00  entry 1: credit 10  applied              10      0          0
        09:00:01  a asks 4            granted 4            10      0          4
        09:00:02  b asks 5            granted 5            10      0          9
        09:00:09  a costs 1.5         settled: 1.5 credit  8.5     0          5
        09:00:10  c asks 3            granted 3            8.5     0          8
        09:00:11  b costs 0           settled: free        8.5     0          3
        09:00:12  c costs 3           settled: 3 credit    5.5     0          0
        """
    )


async def test_the_allowance_is_spent_before_the_credit(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at        what happens           answer                               credit  allowance
        09:00:00  entry 1: credit 10     applied                              10      0
        09:00:00  turn 1: 2 until 03-03  turned: 0 ended                      10      2
        09:00:01  a asks 3               granted 3                            10      2
        09:00:02  a costs 0.5            settled: 0.5 allowance               10      1.5
        09:00:03  b asks 3               granted 3                            10      1.5
        09:00:04  b costs 2.25           settled: 1.5 allowance, 0.75 credit  9.25    0
        09:00:05  c asks 3               granted 3                            9.25    0
        09:00:06  c costs 1              settled: 1 credit                    8.25    0
        """
    )


async def test_what_can_be_paid_is_granted_and_no_less_than_the_least(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at        what happens           answer               credit  held
        09:00:00  entry 1: credit 1      applied              1       0
        09:00:01  a asks 4 at least 0.5  granted 1            1       1
        09:00:02  b asks 4 at least 0.5  insufficient: 0      1       1
        09:00:03  a costs 0.6            settled: 0.6 credit  0.4     0
        09:00:04  b asks 4 at least 0.5  insufficient: 0.4    0.4     0
        09:00:05  b asks 4 at least 0.4  granted 0.4          0.4     0.4
        09:00:06  c asks 1               insufficient: 0      0.4     0.4
        09:00:06  d asks                 admitted             0.4     0.4
        09:00:07  b costs 0.4            settled: 0.4 credit  0       0
        09:00:08  e asks 0.000001        insufficient: 0      0       0
        09:00:09  f asks                 admitted             0       0
        """
    )


async def test_a_cost_beyond_its_hold_takes_what_is_free_and_never_what_others_hold(
    prepaid: Story,
) -> None:
    """An upstream that overshoots is the only way to anything uncollected."""
    await prepaid.tell(
        """
        at        what happens        answer                            credit  held
        09:00:00  entry 1: credit 10  applied                           10      0
        09:00:01  a asks 2            granted 2                         10      2
        09:00:02  b asks 5            granted 5                         10      7
        09:00:03  a costs 4           settled: 4 credit                 6       5
        09:00:04  c asks 1            granted 1                         6       6
        09:00:05  c costs 3           settled: 1 credit, 2 uncollected  5       5
        09:00:06  b costs 5           settled: 5 credit                 0       0
        09:00:07  d asks              admitted                          0       0
        09:00:08  d costs 0.25        settled: 0.25 uncollected         0       0
        """
    )


async def test_a_later_attempt_takes_over_the_hold_and_there_is_never_a_second(
    prepaid: Story,
) -> None:
    await prepaid.tell(
        """
        at        what happens       answer               credit  held
        09:00:00  entry 1: credit 3  applied              3       0
        09:00:01  a asks 2           granted 2            3       2
        09:00:01  a asks 2           granted 2            3       2
        09:00:02  a asks 9 try 2     granted 2            3       2
        09:00:03  a asks 2 try 1     duplicate            3       2
        09:00:04  a costs 1 try 1    superseded           3       2
        09:00:05  w1 dies            nothing              3       2
        09:00:06  a costs 1.5 try 2  settled: 1.5 credit  1.5     0
        09:00:07  a costs 1.5 try 2  already              1.5     0
        09:00:08  a costs 1 try 1    already              1.5     0
        09:00:09  a asks 1 try 3     duplicate            1.5     0
        """
    )


async def test_settlements_in_any_order_and_number_charge_once(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at        what happens        answer               credit  held
        09:00:00  entry 1: credit 10  applied              10      0
        09:00:01  a costs 1           settled: 1 credit    9       0
        09:00:02  a asks 2            duplicate            9       0
        09:00:03  b asks 2            granted 2            9       2
        09:00:04  c asks 2            granted 2            9       4
        09:00:05  c costs 2           settled: 2 credit    7       2
        09:00:06  b costs 0.5         settled: 0.5 credit  6.5     0
        09:00:07  c costs 1           already              6.5     0
        09:00:08  b costs 2           already              6.5     0
        """
    )


async def test_a_retry_that_is_refused_voids_the_first_attempts_hold(prepaid: Story) -> None:
    """The refusal of the last attempt is the settlement, at no cost."""
    await prepaid.tell(
        """
        at        what happens       answer         credit  held
        09:00:00  entry 1: credit 3  applied        3       0
        09:00:01  a asks 2           granted 2      3       2
        09:00:02  a costs 0 try 2    settled: free  3       0
        09:00:03  a costs 2 try 1    already        3       0
        """
    )


async def test_an_expired_hold_is_settled_with_what_was_last_metered(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at            what happens        answer               credit  held
        09:00:00      entry 1: credit 10  applied              10      0
        09:00:00      a asks 4            granted 4            10      4
        09:00:05      b asks 4            granted 4            10      8
        09:00:10      a metered 0.75      renewed              10      8
        09:00:20      a metered 1.25      renewed              10      8
        09:00:34.999  sweep               nothing              10      8
        09:00:35      sweep               b lost: free         10      4
        09:00:49.999  sweep               nothing              10      4
        09:00:50      sweep               a lost: 1.25 credit  8.75    0
        09:00:51      a costs 3           already              8.75    0
        09:00:52      a metered 3         gone                 8.75    0
        """
    )


async def test_a_dead_workers_holds_are_settled_at_once(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at        what happens        answer             credit  held
        09:00:00  entry 1: credit 10  applied            10      0
        09:00:01  a asks 4            granted 4          10      4
        09:00:02  b asks 4 try 2      granted 4          10      8
        09:00:03  a metered 1         renewed            10      8
        09:00:04  w1 dies             a lost: 1 credit   9       4
        09:00:05  b costs 2           settled: 2 credit  7       0
        """
    )


async def test_an_allowance_ends_and_the_next_one_begins(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at              what happens           answer                  credit  allowance  held
        03-02 09:00:00  turn 1: 5 until 03-03  turned: 0 ended         0       5          0
        03-02 09:00:01  a asks 2               granted 2               0       5          2
        03-02 09:00:02  a costs 2              settled: 2 allowance    0       3          0
        03-02 23:59:59  b asks 3               granted 3               0       3          3
        03-02 23:59:59  b costs 1              settled: 1 allowance    0       2          0
        03-03 00:00:00  c asks 1               insufficient: 0         0       2          0
        03-03 00:00:01  turn 2: 5 until 03-04  turned: 2 ended         0       5          0
        03-03 00:00:01  turn 2: 5 until 03-04  turned before: 2 ended  0       5          0
        03-03 00:00:02  c asks 6               granted 5               0       5          5
        03-03 00:00:03  c costs 4              settled: 4 allowance    0       1          0
        03-03 12:00:00  turn 3: 0 until never  turned: 1 ended         0       0          0
        03-03 12:00:01  d asks 1               insufficient: 0         0       0          0
        """
    )


async def test_what_runs_across_the_end_of_an_allowance_is_paid_from_it(prepaid: Story) -> None:
    """Only what the credit does not cover is carried over."""
    await prepaid.tell(
        """
    at              what happens           answer                          credit  allowance  held
    03-02 09:00:00  turn 1: 5 until 03-03  turned: 0 ended                 0       5          0
    03-02 09:00:00  entry 1: credit 1      applied                         1       5          0
    03-02 23:59:58  a asks 4               granted 4                       1       5          4
    03-03 00:00:00  turn 2: 2 until 03-04  turned: 2 ended, 3 carried      1       5          4
    03-03 00:00:01  b asks 4               granted 2                       1       5          6
    03-03 00:00:02  a costs 4              settled: 4 allowance            1       1          2
    03-03 00:00:03  b costs 2              settled: 1 allowance, 1 credit  0       0          0
    03-03 00:00:04  turn 3: 3 until 03-04  turned: 0 ended                 0       3          0
    03-03 00:00:05  c asks 3               granted 3                       0       3          3
    03-03 00:00:06  turn 4: 0 until never  turned: 0 ended, 3 carried      0       3          3
    03-03 00:00:07  d asks 1               insufficient: 0                 0       3          3
    03-03 00:00:08  c costs 2              settled: 2 allowance            0       1          0
    03-03 00:00:09  e asks 1               insufficient: 0                 0       1          0
        """
    )


async def test_an_allowance_that_ended_pays_for_nothing_that_began_later(prepaid: Story) -> None:
    """Until the turn is made what is left lies there, and is nobody's."""
    await prepaid.tell(
        """
        at              what happens           answer             credit  allowance  held
        03-02 09:00:00  turn 1: 5 until 03-03  turned: 0 ended    0       5          0
        03-02 09:00:00  entry 1: credit 1      applied            1       5          0
        03-03 00:00:00  a asks 4               granted 1          1       5          1
        03-03 00:00:01  a costs 1              settled: 1 credit  0       5          0
        """
    )


async def test_an_entry_counts_once_and_takes_no_more_than_there_is(prepaid: Story) -> None:
    await prepaid.tell(
        """
        at        what happens             answer      credit  allowance  held
        09:00:00  entry 1: credit 5        applied     5       0          0
        09:00:01  entry 1: credit 5        already     5       0          0
        09:00:02  entry 2: credit -2       applied     3       0          0
        09:00:02  entry 2: credit -2       already     3       0          0
        09:00:03  entry 3: credit -3.5     refused     3       0          0
        09:00:04  entry 4: credit 10       applied     13      0          0
        09:00:05  entry 3: credit -3.5     refused     13      0          0
        09:00:06  a asks 12                granted 12  13      0          12
        09:00:07  entry 5: credit -2       refused     13      0          12
        09:00:08  entry 6: credit -1       applied     12      0          12
        09:00:09  entry 7: allowance -1    refused     12      0          12
        09:00:10  entry 8: allowance 1.5   applied     12      1.5        12
        09:00:11  entry 9: allowance -1.5  applied     12      0          12
        """
    )


async def test_an_open_account_is_granted_what_it_asks_and_its_costs_are_recorded(
    hot: HotStore,
) -> None:
    await hot.put_key(SHARD, KEY_HASH, FACTS)
    await Story(hot).tell(
        """
        at        what happens           answer             credit  held
        09:00:00  a asks 400 at least 9  granted 400        -       -
        09:00:01  a costs 7              settled: recorded  -       -
        09:00:02  entry 1: credit 5      applied            5       0
        09:00:03  b asks 400             granted 400        5       0
        09:00:04  b costs 7              settled: recorded  5       0
        """
    )


async def test_a_customer_changes_between_open_and_prepaid_while_requests_run(
    hot: HotStore, prepaid: Story
) -> None:
    """A request is paid as it was admitted; what is not admitted any more is recorded only."""
    await prepaid.tell(
        """
        at        what happens       answer     credit  held
        09:00:00  entry 1: credit 5  applied    5       0
        09:00:01  a asks 2           granted 2  5       2
        """
    )
    assert await hot.set_mode(SHARD, CUSTOMER, AccountMode.OPEN, 1)
    await prepaid.tell(
        """
        at        what happens  answer             credit  held
        09:00:02  a costs 1     settled: recorded  5       0
        09:00:03  b asks 9      granted 9          5       0
        """
    )
    assert await hot.set_mode(SHARD, CUSTOMER, AccountMode.PREPAID, 2)
    assert not await hot.set_mode(SHARD, CUSTOMER, AccountMode.OPEN, 1)
    await prepaid.tell(
        """
        at        what happens  answer             credit  held
        09:00:04  b costs 9     settled: recorded  5       0
        09:00:05  c asks 9      granted 5          5       5
        09:00:06  c costs 5     settled: 5 credit  0       0
        """
    )
