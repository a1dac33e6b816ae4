/**
 * A ponte: os mesmos clientes, sobre o etcd. Uma ao lado de cada membro, e três delas tomam o
 * lugar dos três servidores.
 *
 * ```sh
 * deno task ponte --ip=127.0.0.1 --porta=10097 --etcd=http://127.0.0.1:2379
 * ```
 *
 * @module
 */

import { lerIp, lerPorta } from "../lib/endereco.ts";
import { type Argumentos, inteiroEntre, lerArgumentos, lerOpcao } from "../lib/opcoes.ts";
import { abrirRastro } from "../lib/rastro.ts";
import {
  lerArquivoSecreto,
  lerCertificado,
  lerPem,
  lerSeguranca,
  OPCOES_DE_QUEM_ATENDE,
} from "../lib/seguranca.ts";
import { atenderSinais } from "../lib/sinais.ts";
import { abrirTela } from "../lib/tela.ts";
import { ESPERA_MS_MAX } from "../lib/tempo.ts";
import { citar, textoDoErro, visivel } from "../lib/texto.ts";
import { CAMPOS_SECRETOS, VERSAO } from "../mensagem.ts";
import { abrirEtcd, type OpcoesDoEtcd, type Usuario } from "./etcd.ts";
import { importar } from "./importar.ts";
import { iniciarPonte } from "./servico.ts";

const PADRAO = { ip: "127.0.0.1", porta: 10097, prazo: 5_000, prefixo: "kv/" } as const;

const AJUDA = `Uso: ponte --etcd=URL [opções]             atende clientes, sobre um membro do etcd
     ponte importar --dados=PASTA --etcd=URL    leva uma pasta de dados para o etcd

  --etcd=URL            o membro ao lado, por exemplo http://127.0.0.1:2379
  --ip=IP               IP desta ponte (${PADRAO.ip})
  --porta=PORTA         porta desta ponte (${PADRAO.porta})
  --prazo=MS            maior espera por um pedido (${PADRAO.prazo})
  --prefixo=TEXTO       o que se põe antes de cada key no etcd (${PADRAO.prefixo})
  --usuario=ARQUIVO     quem se é no etcd: uma linha NOME:SENHA
  --etcd-ca=ARQUIVO     confia nesta autoridade para falar com o etcd (PEM)
  --silencioso          não mostra as linhas dos pedidos
  --segredo=ARQUIVO     quem se liga tem de provar que sabe este segredo
  --tls-cert=ARQUIVO    atende em TLS, com este certificado (PEM)
  --tls-chave=ARQUIVO   a chave do certificado (PEM)
  --rastro=ARQUIVO      anota cada mensagem enviada e recebida
  --dados=PASTA         com importar: a pasta de um servidor parado
  --ajuda, --help, -h   este texto
  --versao, --version   a versão`;

/** Uma URL de um etcd. @throws {TypeError} se não é uma. */
function lerUrl(texto: string): string {
  const url = URL.parse(texto);
  if (url && /^https?:$/.test(url.protocol)) return url.origin;
  throw new TypeError(`deve ser uma URL http ou https: ${citar(texto)}`);
}

/** O usuário que um arquivo só nosso diz, `NOME:SENHA`. @throws {Error} se não o diz, ou outros o leem. */
function lerUsuario(arquivo: string): Usuario {
  const [, nome, senha] = /^([^:\n]+):(.+?)\r?\n?$/.exec(lerArquivoSecreto(arquivo)) ?? [];
  if (nome === undefined) throw new TypeError(`${citar(arquivo)} não tem uma linha NOME:SENHA`);
  return { nome, senha: senha! };
}

function lerEtcd(lidos: Argumentos): OpcoesDoEtcd {
  const url = lerOpcao(lidos, "etcd", lerUrl);
  if (url === undefined) throw new TypeError("falta --etcd=URL; veja --ajuda");
  return {
    url,
    prefixo: lidos.opcoes.prefixo ?? PADRAO.prefixo,
    ca: lerOpcao(lidos, "etcd-ca", lerPem),
    usuario: lerOpcao(lidos, "usuario", lerUsuario),
  };
}

/** O programa; devolve o código de saída: 1, falha; 2, uso errado. */
async function main(args: readonly string[]): Promise<number> {
  const tela = abrirTela();
  try {
    const textos = ["etcd", "ip", "porta", "prazo", "prefixo", "usuario", "etcd-ca", "dados"];
    const lidos = lerArgumentos(args, {
      textos: [...textos, "rastro", ...OPCOES_DE_QUEM_ATENDE],
      sinais: ["silencioso"],
    });
    const { opcoes, livres } = lidos;
    if (opcoes.ajuda || opcoes.versao) {
      tela.linha(opcoes.ajuda ? AJUDA : `ponte ${VERSAO}`);
      return 0;
    }
    const [comando, ...sobra] = livres;
    if ((comando !== undefined && comando !== "importar") || sobra.length > 0) {
      throw new TypeError(`Argumento inesperado: "${visivel(livres.at(-1)!)}"; veja --ajuda`);
    }
    const etcd = lerEtcd(lidos);
    if (comando === "importar") {
      if (opcoes.dados === undefined) throw new TypeError("falta --dados=PASTA; veja --ajuda");
      const destino = abrirEtcd(etcd);
      try {
        await importar(opcoes.dados, destino, tela.linha);
      } finally {
        destino.fechar();
      }
      return 0;
    }
    await servir(lidos, etcd, tela);
    return 0;
  } catch (erro) {
    tela.erro(`ERRO: ${textoDoErro(erro)}`);
    return erro instanceof TypeError ? 2 : 1;
  } finally {
    await tela.despedir();
  }
}

async function servir(
  lidos: Argumentos,
  etcd: OpcoesDoEtcd,
  tela: ReturnType<typeof abrirTela>,
): Promise<void> {
  const ip = lerOpcao(lidos, "ip", lerIp) ?? PADRAO.ip;
  const porta = lerOpcao(lidos, "porta", lerPorta) ?? PADRAO.porta;
  const rastro = lerOpcao(
    lidos,
    "rastro",
    (arquivo) => abrirRastro(arquivo, `ponte ${ip}:${porta}`, CAMPOS_SECRETOS),
  );
  const ponte = iniciarPonte({
    ip,
    porta,
    etcd: abrirEtcd(etcd),
    prazo: lerOpcao(lidos, "prazo", inteiroEntre(1, ESPERA_MS_MAX)) ?? PADRAO.prazo,
    segredo: lerSeguranca(lidos).segredo,
    tls: lerCertificado(lidos),
    rastro,
    imprimir: lidos.opcoes.silencioso === undefined ? tela.linha : undefined,
    avisar: tela.aviso,
  });
  atenderSinais(() => ponte.parar());
  await ponte.parada;
  rastro?.[Symbol.dispose]();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
