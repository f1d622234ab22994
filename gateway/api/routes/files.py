"""Channels and their files: cut-off, fetching, hand-carried files (rows C58-C80); operators only."""

from __future__ import annotations

from gateway.access import Permission
from gateway.api.bodies import ChannelsShown, FileShown, FilesQuery, FilesShown, Upload, UploadQuery
from gateway.api.decoding import FileBody, JsonBody, read_id
from gateway.api.ports import FileFilter
from gateway.api.route import BadRequestError, Call, Given, Nothing, Route
from gateway.api.shown import CHANNEL, FILE, cursor_of, page_of, show_channel, show_file
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason


async def list_channels(call: Call[Nothing, Nothing]) -> Given:
    """Show the channels."""
    return Given(ChannelsShown(channels=[show_channel(channel) for channel in await call.desks.files.channels()]))


async def cut_off(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Make the payment files of what a channel has collected."""
    taken = await call.desks.files.cut_off(call.order, channel=call.ids["channel"])
    if isinstance(taken, Refused):
        return taken
    return Given(FilesShown(files=[show_file(file) for file in taken.value]), taken.replayed)


async def fetch(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Look into the bank's folder now."""
    taken = await call.desks.files.fetch(call.order, channel=call.ids["channel"])
    if isinstance(taken, Refused):
        return taken
    return Given(FilesShown(files=[show_file(file) for file in taken.value]), taken.replayed)


async def upload_file(call: Call[Upload, UploadQuery]) -> Given | Refused:
    """Take a return file that was carried by hand."""
    channel, name = call.body.channel or call.query.channel, call.body.name or call.query.name
    if not channel or not name:
        raise BadRequestError(Reason.FORMAT, "channel and name say whose file it is and what the bank called it")
    taken = await call.desks.files.accept(
        call.order, channel=read_id(channel, CHANNEL), name=name, content=call.body.content
    )
    return taken if isinstance(taken, Refused) else Given(show_file(taken.value), taken.replayed)


async def list_files(call: Call[Nothing, FilesQuery]) -> Given:
    """Show files."""
    query = call.query
    which = FileFilter(
        channel=None if query.channel is None else read_id(query.channel, CHANNEL),
        direction=query.direction,
        state=query.state,
        day=query.day,
    )
    found = await call.desks.files.files(page_of(query, FILE), which)
    shown = [show_file(file) for file in found.items]
    return Given(FilesShown(files=shown, next=cursor_of(found, FILE), total=found.total))


ROUTES = (
    Route(
        method="GET",
        path="/v1/channels",
        operation="listChannels",
        tag="Channels",
        summary="The bank channels",
        permission=Permission.CHANNELS_READ,
        handle=list_channels,
        answer=ChannelsShown,
    ),
    Route(
        method="POST",
        path="/v1/channels/{channel}/cut-off",
        operation="cutOff",
        tag="Channels",
        summary="Make the payment files of what a channel has collected, and send them",
        permission=Permission.FILES_WRITE,
        handle=cut_off,
        decoder=JsonBody(Nothing),
        answer=FilesShown,
        ids={"channel": (CHANNEL,)},
        refusals=(Reason.NOT_FOUND, Reason.CHANNEL_CLOSED, Reason.IN_PROGRESS),
        example={},
    ),
    Route(
        method="POST",
        path="/v1/channels/{channel}/fetch",
        operation="fetchFiles",
        tag="Channels",
        summary="Look into the bank's folder now and take what is new",
        permission=Permission.FILES_WRITE,
        handle=fetch,
        decoder=JsonBody(Nothing),
        answer=FilesShown,
        ids={"channel": (CHANNEL,)},
        refusals=(Reason.NOT_FOUND, Reason.UNREACHABLE, Reason.IN_PROGRESS),
        example={},
    ),
    Route(
        method="POST",
        path="/v1/files",
        operation="uploadFile",
        tag="Files",
        summary="Take a return file that was carried by hand",
        permission=Permission.FILES_WRITE,
        handle=upload_file,
        decoder=FileBody(),
        query=UploadQuery,
        answer=FileShown,
        refusals=(Reason.NOT_FOUND, Reason.WRONG_STATE, Reason.REFERENCE_REUSED),
        most="upload",
    ),
    Route(
        method="GET",
        path="/v1/files",
        operation="listFiles",
        tag="Files",
        summary="Files to and from banks, newest first",
        permission=Permission.FILES_READ,
        handle=list_files,
        query=FilesQuery,
        answer=FilesShown,
    ),
)
