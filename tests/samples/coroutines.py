"""Handlers and a condition that are `async def`."""

COROUTINES = '''
    """Handlers that are coroutines."""
    import asyncio, time
    from contextlib import asynccontextmanager


    @asynccontextmanager
    async def connection():
        try:
            yield
        finally:
            await asyncio.sleep(0)
            print("connection closed")


    async def child():
        try:
            print("waiting")
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            print("child ended")


    async def waits(context):
        """Wait for a minute at the first attempt; say at the second whether it is the first to ask."""
        is_first = await asyncio.to_thread(context["once"], "asked")
        if context["attempt"] > 1:
            return {"status": "success", "output": [context["attempt"], is_first], "error": None}
        task = asyncio.create_task(child())
        async with connection():
            await asyncio.sleep(60)


    async def blocks(context):
        """Do not await while the first attempt goes on."""
        if context["attempt"] > 1:
            return {"status": "success", "output": context["attempt"], "error": None}
        print("waiting")
        try:
            while True:
                time.sleep(0.05)
        finally:
            print("loop released")


    async def weekday(context):
        """Say no, as a condition."""
        await asyncio.sleep(0)
        return False, "it is no weekday"
'''
