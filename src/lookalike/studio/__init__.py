"""What a page shows of a gallery and of runs, made once for the server and for the page without one."""
