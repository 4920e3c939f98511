#!/usr/bin/env python3
"""Makes the hostile models of tests/data/hostile: files of a few hundred bytes that ask for terabytes, for shapes that
overflow, for endless nesting, or for files elsewhere (python3-onnx, python3-numpy). Everyone of them has to be refused,
in bounded memory (test_hostile.c). The files are committed; run this only to change them."""
import os

import numpy as np
import onnx
from onnx import SparseTensorProto, TensorProto
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile")
os.makedirs(out, exist_ok=True)
def c(name,v,dt=np.int64): return nh.from_array(np.array(v,dt),name)
def save(name,nodes,inputs,outputs,inits=(),opset=16,ir=8):
    g=h.make_graph(nodes,name,inputs,outputs,list(inits))
    m=h.make_model(g,opset_imports=[h.make_opsetid('',opset)],producer_name='hone tests',ir_version=ir)
    open(f'{out}/{name}.onnx','wb').write(m.SerializeToString())
F=T.FLOAT
def vi(n,t=F,s=None): return h.make_tensor_value_info(n,t,s)
x=vi('x',F,[1])
y=vi('y',F,None)
BIG=1<<38
def add(nodes,src='z'): # something that touches the value
    return nodes+[h.make_node('Add',[src,'x'],['y'])]
def one(name,node_list,inits=(),**k): save(name,add(node_list),[x],[y],inits,**k)
n=h.make_node
one('constant_of_shape',[n('ConstantOfShape',['s'],['z'])],[c('s',[BIG])])
one('constant_of_shape_many',[n('ConstantOfShape',['s'],['z'])],[c('s',[1<<20,1<<20,1<<20,1<<20])])
one('expand',[n('Expand',['x','s'],['z'])],[c('s',[1<<20,1<<20])])
one('tile',[n('Tile',['x','s'],['z'])],[c('s',[BIG])])
one('tile_step',[n('Tile',['x','s'],['a']),n('Tile',['a','s'],['b']),n('Tile',['b','s'],['z'])],[c('s',[1<<14])])
one('range',[n('Range',['a','b','d'],['z'])],[c('a',0,np.float32),c('b',1e15,np.float32),c('d',1e-3,np.float32)])
one('range_int',[n('Range',['a','b','d'],['r']),n('Cast',['r'],['z'],to=F)],[c('a',-(1<<62)),c('b',1<<62),c('d',1)])
one('pad',[n('Pad',['x','p'],['z'])],[c('p',[BIG,BIG])])
one('one_hot',[n('Cast',['x'],['i'],to=T.INT64),n('OneHot',['i','d','v'],['z'])],[c('d',BIG),c('v',[0,1],np.float32)])
one('resize',[n('Unsqueeze',['x','a'],['u']),n('Resize',['u','','s'],['z'])],[c('a',[0,1,2]),c('s',[1,1,1e6,1e7],np.float32)])
one('resize_sizes',[n('Unsqueeze',['x','a'],['u']),n('Resize',['u','','','s'],['z'],mode='cubic')],[c('a',[0,1,2]),c('s',[1,1,1<<20,1<<20])])
one('conv_pads',[n('Unsqueeze',['x','a'],['u']),n('Conv',['u','w'],['z'],pads=[1<<20]*4)],[c('a',[0,1,2]),c('w',np.ones((1,1,1,1)),np.float32)])
one('conv_pads3',[n('Unsqueeze',['x','a'],['u']),n('Conv',['u','w'],['z'],pads=[1<<20]*6)],[c('a',[0,1,2,3]),c('w',np.ones((1,1,1,1,1)),np.float32)])
one('conv_stride',[n('Unsqueeze',['x','a'],['u']),n('ConvTranspose',['u','w'],['z'],strides=[2147483647]*2,output_padding=[2147483646]*2)],[c('a',[0,1,2]),c('w',np.ones((1,1,1,1)),np.float32)])
one('pool_pads',[n('Unsqueeze',['x','a'],['u']),n('MaxPool',['u'],['z'],kernel_shape=[3000000,3000000],pads=[2999999]*4)],[c('a',[0,1,2])])
one('reshape_huge',[n('Reshape',['x','s'],['z'])],[c('s',[1<<62,4])])
one('outer',[n('ConstantOfShape',['s'],['a']),n('Transpose',['a'],['b']),n('MatMul',['b','a'],['z'])],[c('s',[1,1<<20])])
one('einsum',[n('ConstantOfShape',['s'],['a']),n('Einsum',['a','a','a'],['z'],equation='i,j,k->ijk')],[c('s',[1<<14])])
one('eye',[n('ConstantOfShape',['s'],['a']),n('EyeLike',['a'],['e']),n('ReduceSum',['e'],['z'])],[c('s',[1<<20,1<<20])])
one('random',[n('RandomNormal',[],['z'],shape=[1<<20,1<<20])])
one('cum',[n('ConstantOfShape',['s'],['a']),n('NonZero',['a'],['b']),n('Cast',['b'],['d'],to=F),n('ReduceMean',['d'],['z'])],[c('s',[1<<20,1<<14])])
one('broadcast',[n('ConstantOfShape',['s'],['a']),n('Transpose',['a'],['b']),n('Mul',['a','b'],['z'])],[c('s',[1,1<<20])])
one('gather_nd',[n('ConstantOfShape',['s'],['i'],value=nh.from_array(np.zeros(1,np.int64))),n('Gather',['x','i'],['z'])],[c('s',[1<<20,1<<18])])
one('concat',[n('Concat',['x','x'],['a0'],axis=0)]+[n('Concat',[f'a{i}',f'a{i}'],[f'a{i+1}'],axis=0) for i in range(40)]+[n('Identity',['a40'],['z'])])
one('upsample9',[n('Unsqueeze',['x'],['u'],axes=[0,1,2]),n('Upsample',['u','s'],['z'])],[c('s',[1,1,1e6,1e7],np.float32)],opset=9)
one('depth_to_space',[n('Unsqueeze',['x','a'],['u']),n('SpaceToDepth',['u'],['z'],blocksize=1<<40)],[c('a',[0,1,2])])
one('col2im',[n('Unsqueeze',['x','a'],['u']),n('Col2Im',['u','im','bl'],['z'])],[c('a',[0,1]),c('im',[1<<30,1<<30]),c('bl',[1<<30,1<<30])],opset=18)
one('grid',[n('AffineGrid',['t','s'],['z'])],[c('t',np.ones((1,2,3)),np.float32),c('s',[1,1,1<<20,1<<20])],opset=20)
one('window',[n('HannWindow',['s'],['z'])],[c('s',1<<40)],opset=17)
one('dft',[n('Unsqueeze',['x','a'],['u']),n('DFT',['u','l'],['z'],axis=1)],[c('a',[0,2]),c('l',1<<40)],opset=17)
one('mel',[n('MelWeightMatrix',['a','b','c','d','e'],['z'])],[c('a',1<<30),c('b',1<<30),c('c',16000),c('d',1.,np.float32),c('e',8000.,np.float32)],opset=17)
one('stft',[n('ConstantOfShape',['s'],['a']),n('STFT',['a','st','','fl'],['z'])],[c('s',[1,1<<22,1]),c('st',1),c('fl',1<<20)],opset=17)
one('topk',[n('TopK',['x','k'],['z','i'])],[c('k',[1<<40])])
one('roi',[n('Unsqueeze',['x','a'],['u']),n('RoiAlign',['u','r','b'],['z'],output_height=1<<20,output_width=1<<20)],[c('a',[0,1,2]),c('r',[[0,0,1,1]],np.float32),c('b',[0])])
one('split_to_sequence',[n('ConstantOfShape',['s'],['u']),n('SplitToSequence',['u','l'],['q'],axis=0),n('ConcatFromSequence',['q'],['z'],axis=0)],[c('s',[1<<34]),c('l',1)])
# control flow
def body_counter(nodes,extra_out=()):
    return h.make_graph([n('Identity',['cin'],['cout'])]+nodes,'b',[vi('i',T.INT64,[]),vi('cin',T.BOOL,[]),vi('v',F,None)],[vi('cout',T.BOOL,[]),vi('vout',F,None)]+list(extra_out))
one('loop_double',[n('Loop',['m','t','x'],['z'],body=body_counter([n('Concat',['v','v'],['vout'],axis=0)]))],[c('m',60),c('t',True,np.bool_)])
# deeply nested If, built bottom up in bytes: the library itself would recurse
def nested_raw(depth):
    def ld(field,b):
        out=bytes([field<<3|2]) if field<16 else bytes([(field<<3|2)&0x7f|0x80,(field<<3|2)>>7])
        ln=len(b)
        while True:
            if ln<128: out+=bytes([ln]);break
            out+=bytes([ln&127|128]);ln>>=7
        return out+b
    vo=vi('o',F,None).SerializeToString()
    g=ld(1,n('Identity',['x'],['o']).SerializeToString())+ld(2,b'g')+ld(12,vo)
    for i in range(depth):
        attr=ld(1,b'then_branch')+ld(6,g)+b'\xa0\x01\x05'
        node=ld(1,b't')+ld(2,b'o')+ld(4,b'If')+ld(5,attr)
        g=ld(1,node)+ld(2,b'g')+ld(12,vo)
    m=b'\x08\x08'+ld(7,g)+ld(8,b'\x10\x10')
    return m
open(f'{out}/nested_if_deep.onnx','wb').write(nested_raw(300))
one('scan',[n('ConstantOfShape',['s'],['u']),n('Scan',['x','u'],['w','zz'],num_scan_inputs=1,body=h.make_graph([n('Concat',['a','a'],['ao'],axis=0),n('Identity',['b'],['bo'])],'b',[vi('a',F,None),vi('b',F,None)],[vi('ao',F,None),vi('bo',F,None)])),n('Identity',['w'],['z'])],[c('s',[64])])
one('dims_attr',[n('RandomUniform',[],['z'],shape=[2]*70)])
def rawinit(name,dims,dt,raw):
    t=TensorProto(); t.name=name; t.dims.extend(dims); t.data_type=dt; t.raw_data=raw; return t
one('init_dims',[n('ReduceSum',['w'],['z'])],[rawinit('w',[1<<40],F,b'')])
one('init_overflow',[n('ReduceSum',['w'],['z'])],[rawinit('w',[1<<33,1<<33],F,b'')])
one('init_negative',[n('ReduceSum',['w'],['z'])],[rawinit('w',[-1,-1],F,b'\0\0\0\0')])
save('input_dims',[n('Add',['x','x'],['y'])],[vi('x',F,[1<<20,1<<20])],[y])
save('output_only',[n('Expand',['x','s'],['y'])],[x],[y],[c('s',[1<<20,1<<20])])
ext=TensorProto(); ext.name='w'; ext.dims.extend([1<<38]); ext.data_type=F; ext.data_location=TensorProto.EXTERNAL
e=ext.external_data.add(); e.key='location'; e.value='/dev/zero'
one('external_zero',[n('ReduceSum',['w'],['z'])],[ext])
ext2=TensorProto(); ext2.CopyFrom(ext); ext2.external_data[0].value='../../../../etc/passwd'
one('external_up',[n('ReduceSum',['w'],['z'])],[ext2])
one('sparse',[n('ReduceSum',['w'],['z'])])
m=onnx.load(f'{out}/sparse.onnx'); sp=SparseTensorProto(); sp.values.CopyFrom(nh.from_array(np.ones(1,np.float32),'w')); sp.indices.CopyFrom(nh.from_array(np.array([0],np.int64),'wi')); sp.dims.extend([1<<20,1<<20]); m.graph.sparse_initializer.append(sp); open(f'{out}/sparse.onnx','wb').write(m.SerializeToString())
# exponential function expansion
def fn(i):
    f=h.make_function('f',f'F{i}',['a'],['b'],[n(f'F{i-1}' if i else 'Neg',['a'],['m'],domain='f' if i else ''),n(f'F{i-1}' if i else 'Neg',['m'],['b'],domain='f' if i else '')],[h.make_opsetid('',16),h.make_opsetid('f',1)])
    return f
g=h.make_graph([n('F40',['x'],['y'],domain='f')],'functions',[x],[y])
m=h.make_model(g,opset_imports=[h.make_opsetid('',16),h.make_opsetid('f',1)],functions=[fn(i) for i in range(41)],ir_version=8)
open(f'{out}/functions.onnx','wb').write(m.SerializeToString())
fr=h.make_function('f','R',['a'],['b'],[n('R',['a'],['b'],domain='f')],[h.make_opsetid('',16),h.make_opsetid('f',1)])
m=h.make_model(h.make_graph([n('R',['x'],['y'],domain='f')],'recursion',[x],[y]),opset_imports=[h.make_opsetid('',16),h.make_opsetid('f',1)],functions=[fr],ir_version=8)
open(f'{out}/recursion.onnx','wb').write(m.SerializeToString())
one('tfidf',[n('Cast',['x'],['i'],to=T.INT64),n('TfIdfVectorizer',['i'],['z'],max_gram_length=1<<40,max_skip_count=1<<40,min_gram_length=1,mode='TF',ngram_counts=[0],ngram_indexes=[1<<40],pool_int64s=[1])])
