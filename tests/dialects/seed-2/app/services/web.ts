// What the stand-in for the runtime says that it runs.
