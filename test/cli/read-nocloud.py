"""Has cloud-init's NoCloud source read what its kernel command line names; prints what it got, as JSON.

The command line comes in DEBUG_PROC_CMDLINE, which cloud-init takes for /proc/cmdline.
"""
import json
import sys
import tempfile

from cloudinit import helpers
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloudNet

# No disk is looked at.
CONFIG = {"datasource": {"NoCloud": {"fs_label": None}}}

with tempfile.TemporaryDirectory() as directory:
    paths = helpers.Paths({"cloud_dir": directory, "run_dir": directory})
    source = DataSourceNoCloudNet(CONFIG, None, paths)
    if not source.get_data():
        sys.exit("the source found nothing")
    json.dump(
        {
            "instanceId": source.get_instance_id(),
            "metaData": source.metadata,
            "userData": source.get_userdata_raw().decode(),
            "vendorData": source.get_vendordata_raw().decode(),
        },
        sys.stdout,
    )
